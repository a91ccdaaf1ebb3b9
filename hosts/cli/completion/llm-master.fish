# SPDX-License-Identifier: MIT
# Completion of llm-master for fish.

function __llm_master_command
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case --config --plugin-dir --metrics --max-wait
                set -e words[1]
            case '-*'
            case '*'
                echo $words[1]
                return 0
        end
        set -e words[1]
    end
    return 1
end

function __llm_master_is
    set -l command (__llm_master_command); and contains -- $command $argv
end

function __llm_master_models
    llm-master -q models 2>/dev/null | awk 'NR > 1 { print $1 "\t" $2; print $2 "/" $1 }'
end

function __llm_master_providers
    llm-master -q providers 2>/dev/null | awk 'NR > 1 { print $1 "\t" $2 }'
end

function __llm_master_plugins
    llm-master -q plugins list --all 2>/dev/null | awk 'NR > 1 { n = split($4, part, "/"); print part[n] "\t" $3 }'
end

complete -c llm-master -f
complete -c llm-master -l config -r -F -d 'settings from this file'
complete -c llm-master -l plugin-dir -x -a '(__fish_complete_directories)' -d 'look for plugins there first'
complete -c llm-master -s v -l verbose -d 'say what happens'
complete -c llm-master -s q -l quiet -d 'no facts line, no notes, no progress'
complete -c llm-master -s u -l usage -d 'the facts line also without a terminal'
complete -c llm-master -l debug -d 'show each exchange'
complete -c llm-master -l debug-bodies -d 'show each exchange and the begin of its bodies'
complete -c llm-master -l max-wait -x -d 'how long a call may wait for limits, ms'
complete -c llm-master -l metrics -r -F -d 'write the counters of this run there'
complete -c llm-master -s h -l help -d help

set -l none 'not __llm_master_command >/dev/null'
complete -c llm-master -n $none -l version -d 'the version'
complete -c llm-master -n $none -a query -d 'ask a model'
complete -c llm-master -n $none -a image -d 'make or change pictures'
complete -c llm-master -n $none -a embed -d 'turn texts into vectors'
complete -c llm-master -n $none -a request -d 'send a request body as it is'
complete -c llm-master -n $none -a models -d 'the catalogue'
complete -c llm-master -n $none -a providers -d 'every provider'
complete -c llm-master -n $none -a keys -d 'which providers have a key'
complete -c llm-master -n $none -a limits -d 'the limits in force'
complete -c llm-master -n $none -a plugins -d 'which plugins were found'
complete -c llm-master -n $none -a replay -d 'decode a recorded exchange'
complete -c llm-master -n $none -a sim -d 'a local provider that plays answers'
complete -c llm-master -n $none -a usage -d 'what was used and what it cost'
complete -c llm-master -n $none -a config -d 'the settings in force'
complete -c llm-master -n $none -a doctor -d 'what is found, what is wrong, what to do'

complete -c llm-master -n '__llm_master_is query image embed request' -s m -l model -x -a '(__llm_master_models)' -d 'which model'
complete -c llm-master -n '__llm_master_is query image embed' -s p -l param -x -d 'a member of the request, NAME=VALUE'
complete -c llm-master -n '__llm_master_is query image embed models providers keys plugins limits usage config doctor' -l json -d JSON
complete -c llm-master -n '__llm_master_is query image request' -s a -l attach -r -F -d 'something to look at'
complete -c llm-master -n '__llm_master_is query image embed request usage' -l tag -x -d 'who asks'
complete -c llm-master -n '__llm_master_is query image embed request' -l fallback -x -a '(__llm_master_models)' -d 'a model to ask when this one fails'
complete -c llm-master -n '__llm_master_is query image embed request' -l no-fallback -d 'no other model or provider'
complete -c llm-master -n '__llm_master_is query image embed request' -l max-attempts -x -d 'tries over all models'
complete -c llm-master -n '__llm_master_is query image embed request' -l hedge-ms -x -d 'ask again elsewhere when no output came by then'
complete -c llm-master -n '__llm_master_is query' -s s -l system -x -d 'the system message'
complete -c llm-master -n '__llm_master_is query' -l schema -r -F -d 'a JSON Schema'
complete -c llm-master -n '__llm_master_is query' -l no-stream -d 'in one piece'
complete -c llm-master -n '__llm_master_is image' -s o -l output -r -F -d 'where the result goes'
complete -c llm-master -n '__llm_master_is image' -s f -l force -d overwrite
complete -c llm-master -n '__llm_master_is image' -l operation -x -a 'image image.edit image.vectorize' -d 'what to do'
complete -c llm-master -n '__llm_master_is request models keys replay usage' -l provider -x -a '(__llm_master_providers)' -d provider
complete -c llm-master -n '__llm_master_is request' -l format -x -a 'openai.chat openai.responses anthropic.messages' -d 'of the body'
complete -c llm-master -n '__llm_master_is request replay' -l raw -d 'the answer as it came'
complete -c llm-master -n '__llm_master_is request' -F -a 'chat embeddings image image.edit moderation rerank speech transcription'
complete -c llm-master -n '__llm_master_is models' -F -a 'update (__llm_master_models)'
complete -c llm-master -n '__llm_master_is models' -l all -d 'of other providers too'
complete -c llm-master -n '__llm_master_is models' -l dry-run -d 'update: write nothing'
complete -c llm-master -n '__llm_master_is models' -l strict -d 'update: refuse a list with a wrong entry'
complete -c llm-master -n '__llm_master_is models' -l as-of -x -d 'update: the day of the list'
complete -c llm-master -n '__llm_master_is plugins' -l stream -d 'record: ask for a stream'
complete -c llm-master -n '__llm_master_is plugins' -l redact -x -d 'record: overwrite this text too'
complete -c llm-master -n '__llm_master_is plugins' -l keep-header -x -d 'record: keep the value of this header field'
complete -c llm-master -n '__llm_master_is plugins' -l output -r -d 'record: the folder'
complete -c llm-master -n '__llm_master_is plugins' -l force -d 'record: overwrite a recording'
complete -c llm-master -n '__llm_master_is plugins' -l body -r -d 'record: the whole request body'
complete -c llm-master -n '__llm_master_is plugins' -l plugin -r -d 'record: use this plugin'
complete -c llm-master -n '__llm_master_is plugins' -l lang -x -a 'c cpp rust' -d 'new: language'
complete -c llm-master -n '__llm_master_is plugins' -l operation -x -a 'chat completions embeddings image image.edit image.variate models moderation rerank speech transcription translation' -d 'new: what it does'
complete -c llm-master -n '__llm_master_is plugins' -l auth -x -a 'bearer header query none' -d 'new: how the key is sent'
complete -c llm-master -n '__llm_master_is plugins' -l from -x -a openai -d 'new: begin with'
complete -c llm-master -n '__llm_master_is plugins' -l no-build -d 'new: only write'
complete -c llm-master -n '__llm_master_is plugins' -l all -d 'refused ones too'
complete -c llm-master -n '__llm_master_is plugins' -a 'list show new check diff bench pack record replay vectors (__llm_master_plugins)'
complete -c llm-master -n '__llm_master_is replay' -l operation -x -d 'decode as'
complete -c llm-master -n '__llm_master_is replay' -l split -x -a 'whole bytes' -d 'how the body arrives'
complete -c llm-master -n '__llm_master_is replay' -l table -d 'of a tree of recordings'
complete -c llm-master -n '__llm_master_is replay' -a '(__fish_complete_directories)'
complete -c llm-master -n '__llm_master_is sim' -l listen -x -d 'ADDR:PORT'
complete -c llm-master -n '__llm_master_is sim' -l fixtures -x -a '(__fish_complete_directories)' -d recordings
complete -c llm-master -n '__llm_master_is sim' -l script -r -F -d rules
complete -c llm-master -n '__llm_master_is sim' -l log -r -F -d 'of requests'
complete -c llm-master -n '__llm_master_is sim' -l chunks -x -d 'size of a write'
complete -c llm-master -n '__llm_master_is sim' -l delay -x -d 'before each write, in ms'
complete -c llm-master -n '__llm_master_is sim' -l no-demo -d 'no built-in answers'
complete -c llm-master -n '__llm_master_is usage' -l by -x -a 'day provider model operation tag key status' -d 'sums by'
complete -c llm-master -n '__llm_master_is usage' -l since -x -d 'from then on'
complete -c llm-master -n '__llm_master_is usage' -l until -x -d 'before then'
complete -c llm-master -n '__llm_master_is usage' -l zone -x -d 'where days begin'
complete -c llm-master -n '__llm_master_is usage' -l model -x -a '(__llm_master_models)' -d 'of this model only'
complete -c llm-master -n '__llm_master_is usage' -l operation -x -d 'of this operation only'
complete -c llm-master -n '__llm_master_is usage' -l key -x -d 'with this key only'
complete -c llm-master -n '__llm_master_is usage' -l status -x -d 'that ended so'
complete -c llm-master -n '__llm_master_is usage' -l table -d 'a table'
complete -c llm-master -n '__llm_master_is usage' -l csv -d CSV
complete -c llm-master -n '__llm_master_is usage' -l plot -d bars
complete -c llm-master -n '__llm_master_is usage' -l of -x -a 'cost calls input output' -d 'what the bars show'
complete -c llm-master -n '__llm_master_is usage' -a 'check export'
complete -c llm-master -n '__llm_master_is config' -l origin -d 'where each is from'
complete -c llm-master -n '__llm_master_is config' -a 'show check'
