# SPDX-License-Identifier: MIT
# Completion of llm-master for bash.

_llm_master_names() { # models, providers, plugins
    case $1 in
    models) llm-master -q models 2>/dev/null | awk 'NR > 1 { print $1; print $2 "/" $1 }' ;;
    plugins) llm-master -q plugins list --all 2>/dev/null | awk 'NR > 1 { n = split($4, part, "/"); print part[n] }' ;;
    *) llm-master -q providers 2>/dev/null | awk 'NR > 1 { print $1 }' ;;
    esac
}

_llm_master() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' verb='' i
    local commands='query image embed request models providers keys plugins replay sim limits usage config doctor'
    local program='--config --plugin-dir --verbose --quiet --usage --debug --debug-bodies --metrics --max-wait --help'
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --config | --plugin-dir | --metrics | --max-wait) ((i++)) ;;
        -*) ;;
        *)
            if [[ -z $command ]]; then
                command=${COMP_WORDS[i]}
            elif [[ -z $verb ]]; then
                verb=${COMP_WORDS[i]}
            fi
            ;;
        esac
    done
    case $before in
    -m | --model | --fallback) mapfile -t COMPREPLY < <(compgen -W "$(_llm_master_names models)" -- "$word") && return ;;
    --provider) mapfile -t COMPREPLY < <(compgen -W "$(_llm_master_names providers)" -- "$word") && return ;;
    --lang) mapfile -t COMPREPLY < <(compgen -W 'c cpp rust' -- "$word") && return ;;
    --auth) mapfile -t COMPREPLY < <(compgen -W 'bearer header query none' -- "$word") && return ;;
    --from) mapfile -t COMPREPLY < <(compgen -W 'openai' -- "$word") && return ;;
    --operation)
        [[ $command == plugins ]] && mapfile -t COMPREPLY < <(compgen -W 'chat completions embeddings image image.edit image.variate models moderation rerank speech transcription translation' -- "$word")
        return
        ;;
    --split) mapfile -t COMPREPLY < <(compgen -W 'whole bytes' -- "$word") && return ;;
    --format) mapfile -t COMPREPLY < <(compgen -W 'openai.chat openai.responses anthropic.messages' -- "$word") && return ;;
    --plugin-dir | --fixtures) mapfile -t COMPREPLY < <(compgen -d -- "$word") && return ;;
    --config | --metrics | --schema | --script | --log | -a | --attach | -o | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --tag | --max-attempts | --hedge-ms | -s | --system | -p | --param | --listen | --chunks | --delay | --max-wait | --since | --until | --zone | --key) return ;;
    --by) mapfile -t COMPREPLY < <(compgen -W 'day provider model operation tag key status' -- "$word") && return ;;
    --of) mapfile -t COMPREPLY < <(compgen -W 'cost calls input output' -- "$word") && return ;;
    esac
    local options=''
    case $command in
    '') options="$program --version $commands" ;;
    query) options='--model --system --param --attach --schema --json --no-stream --tag --fallback --no-fallback --max-attempts --hedge-ms' ;;
    image) options='--model --param --attach --output --force --operation --json --tag --fallback --no-fallback --max-attempts --hedge-ms' ;;
    embed) options='--model --param --json --tag --fallback --no-fallback --max-attempts --hedge-ms' ;;
    request) options='--model --provider --format --attach --raw --tag --fallback --no-fallback --max-attempts --hedge-ms' ;;
    models) options='--provider --all --json --dry-run --strict --as-of update' ;;
    keys) options='--provider --json' ;;
    providers | limits | doctor) options='--json' ;;
    plugins) options='--all --json list show new check diff bench pack record replay vectors --stream --redact --keep-header --output --force --body --provider --plugin --model --param --lang --operation --auth --from --no-build' ;;
    replay) options='--provider --operation --split --raw --table' ;;
    sim) options='--listen --fixtures --script --log --chunks --delay --no-demo' ;;
    usage) options='--by --since --until --zone --provider --model --operation --tag --key --status --table --json --csv --plot --of check export' ;;
    config) options='--origin --json show check' ;;
    esac
    if [[ $word == -* || -z $command || ($command == @(plugins|config|usage) && -z $verb) ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options ${command:+$program}" -- "$word")
        return
    fi
    case $command in
    plugins) [[ $verb == show ]] && mapfile -t COMPREPLY < <(compgen -W "$(_llm_master_names plugins)" -- "$word") ;;
    models) mapfile -t COMPREPLY < <(compgen -W "$(_llm_master_names models)" -- "$word") ;;
    request)
        if [[ -z $verb ]]; then
            mapfile -t COMPREPLY < <(compgen -W 'chat embeddings image image.edit moderation rerank speech transcription' -- "$word")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
        ;;
    replay) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    esac
}

complete -o filenames -F _llm_master llm-master
