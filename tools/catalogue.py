#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the catalogue of models: names, prices, limits and abilities, from the lists that others publish.

    tools/catalogue.py -o catalogue.jsonl --litellm FILE --litellm-date DATE --models-dev FILE --models-dev-date DATE
    tools/catalogue.py --check catalogue.jsonl

docs/cost.md describes the format and the rules.  Prices never pass through a binary float: numbers are read as decimals from
their text and written as decimal strings.
"""
import argparse
import decimal
import json
import re
import sys
import zlib

D = decimal.Decimal
decimal.getcontext().prec = 60
DECIMALS = 24  # of USD per one: what the core holds exactly
FILE_MAX = 16 << 20
MTOK_MAX = 10000  # USD per million tokens: more is a mistake of the list

# The lists' names of providers, where they are not ours ('_' is '-' besides).
NAMES = {
    "amazon-bedrock": "bedrock", "azure_text": "azure", "bedrock_converse": "bedrock", "bedrock_mantle": "bedrock",
    "black_forest_labs": "bfl", "cloudflare-workers-ai": "cloudflare", "cohere_chat": "cohere", "dashscope": "alibaba",
    "fal_ai": "fal", "fireworks-ai": "fireworks", "fireworks_ai": "fireworks",
    "fireworks_ai-embedding-models": "fireworks", "friendliai": "friendli", "gemini": "google", "gmicloud": "gmi",
    "google-vertex": "vertex", "google-vertex-anthropic": "vertex", "jina_ai": "jina", "lambda_ai": "lambda",
    "llama": "meta", "meta_llama": "meta", "moonshotai": "moonshot", "novita-ai": "novita", "nvidia_nim": "nvidia",
    "palm": "google", "snowflake-cortex": "snowflake", "text-completion-codestral": "codestral",
    "text-completion-inception": "inception", "text-completion-openai": "openai", "together_ai": "together",
    "togetherai": "together", "vercel_ai_gateway": "vercel", "vertex_ai": "vertex",
    "vertex_ai-ai21_models": "vertex", "vertex_ai-anthropic_models": "vertex", "vertex_ai-deepseek_models": "vertex",
    "vertex_ai-embedding-models": "vertex", "vertex_ai-image-models": "vertex",
    "vertex_ai-language-models": "vertex", "vertex_ai-llama_models": "vertex", "vertex_ai-minimax_models": "vertex",
    "vertex_ai-mistral_models": "vertex", "vertex_ai-moonshot_models": "vertex",
    "vertex_ai-openai_models": "vertex", "vertex_ai-qwen_models": "vertex", "vertex_ai-text-models": "vertex",
    "vertex_ai-video-models": "vertex", "vertex_ai-zai_models": "vertex", "workers-ai": "cloudflare",
}
# Where a price of 0 is the price and not a hole.
FREE = ("ollama", "lmstudio", "lemonade", "llamacpp", "vllm")

PRICES = ("input_per_mtok", "output_per_mtok", "cache_read_per_mtok", "cache_write_per_mtok", "cache_write_1h_per_mtok",
          "reasoning_per_mtok", "audio_input_per_mtok", "audio_output_per_mtok", "image_input_per_mtok",
          "image_output_per_mtok", "per_image", "per_second", "per_character", "per_page", "per_search", "per_request")

MODES = {"chat": "chat", "responses": "chat", "completion": "completions", "embedding": "embeddings",
         "image_generation": "image", "image_edit": "image.edit", "audio_transcription": "transcription",
         "audio_speech": "speech", "rerank": "rerank", "moderation": "moderation", "video_generation": "video",
         "realtime": "realtime", "search": "search", "ocr": "ocr"}

# LiteLLM's member -> ours, the places that the point moves, and the modes in which it means that (None: all).
LITELLM = (
    ("input_cost_per_token", "input_per_mtok", 6, None),
    ("output_cost_per_token", "output_per_mtok", 6, None),
    ("cache_read_input_token_cost", "cache_read_per_mtok", 6, None),
    ("input_cost_per_token_cache_hit", "cache_read_per_mtok", 6, None),
    ("cache_creation_input_token_cost", "cache_write_per_mtok", 6, None),
    ("cache_creation_input_token_cost_above_1hr", "cache_write_1h_per_mtok", 6, None),
    ("output_cost_per_reasoning_token", "reasoning_per_mtok", 6, None),
    ("input_cost_per_audio_token", "audio_input_per_mtok", 6, None),
    ("output_cost_per_audio_token", "audio_output_per_mtok", 6, None),
    ("input_cost_per_image_token", "image_input_per_mtok", 6, None),
    ("output_cost_per_image_token", "image_output_per_mtok", 6, None),
    ("output_cost_per_image", "per_image", 0, ("image", "image.edit")),
    ("input_cost_per_image", "per_image", 0, ("image", "image.edit")),
    ("input_cost_per_second", "per_second", 0, ("transcription", "realtime")),
    ("output_cost_per_second", "per_second", 0, ("video",)),
    ("output_cost_per_video_per_second", "per_second", 0, ("video",)),
    ("input_cost_per_character", "per_character", 0, ("speech",)),
    ("ocr_cost_per_page", "per_page", 0, ("ocr",)),
    ("input_cost_per_query", "per_search", 0, ("rerank", "search")),
    ("input_cost_per_request", "per_request", 0, None),
)
TIERS = {"_batches": "batch", "_flex": "flex", "_priority": "priority"}
LITELLM_ABILITIES = (("supports_function_calling", "tools"), ("supports_vision", "vision"),
                     ("supports_audio_input", "audio"), ("supports_video_input", "video"),
                     ("supports_pdf_input", "pdf"), ("supports_reasoning", "reasoning"),
                     ("supports_response_schema", "structured_output"), ("supports_prompt_caching", "caching"))
ABILITIES = ("tools", "vision", "audio", "video", "pdf", "reasoning", "structured_output", "caching")

MODELS_DEV = (("input", "input_per_mtok"), ("output", "output_per_mtok"), ("cache_read", "cache_read_per_mtok"),
              ("cache_write", "cache_write_per_mtok"), ("reasoning", "reasoning_per_mtok"),
              ("input_audio", "audio_input_per_mtok"), ("output_audio", "audio_output_per_mtok"))


class Bad(Exception):
    """An entry that cannot be taken; the text says why."""


def provider_name(name):
    name = NAMES.get(name, name.lower().replace("_", "-"))
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,62}", name):
        raise Bad(f'"{name}" is no name of a provider')
    return name


def price(value, shift, name, what):
    """A decimal moved by `shift` places to be the price `name`, as a plain decimal string; exact, or Bad."""
    if not isinstance(value, D) or not value.is_finite():
        raise Bad(f"{what} is no number")
    if value < 0:
        raise Bad(f"{what} is less than 0")
    moved = value.scaleb(shift)
    if moved > MTOK_MAX:
        raise Bad(f"{what} is too large")
    text = format(moved, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    decimals = len(text.split(".")[1]) if "." in text else 0
    if decimals > DECIMALS - (6 if name.endswith("_per_mtok") else 3 if name == "per_second" else 0):
        raise Bad(f"{what} has too many decimals")
    return text


def count(value):
    """A limit: a whole number above 0, else none."""
    if isinstance(value, D) and value == value.to_integral_value() and 0 < value < 1 << 40:
        return int(value)
    return None


class Entry:
    """One model: rates by condition (above, tier) in the order of PRICES."""

    def __init__(self, operation):
        self.operation, self.context, self.output, self.abilities, self.source = operation, None, None, [], None
        self.rates = {}

    def put(self, name, text, above=-1, tier=""):
        self.rates.setdefault((tier, above), {}).setdefault(name, text)

    def base(self):
        return self.rates.get(("", -1), {})

    def has_price(self):
        return any(self.rates.values())

    def is_zero(self):
        return all(set(text) <= set("0.") for rates in self.rates.values() for text in rates.values())

    def json(self):
        out = {}
        if self.operation != "chat":
            out["operation"] = self.operation
        if self.context:
            out["context_tokens"] = self.context
        if self.output:
            out["output_tokens"] = self.output
        out.update({p: self.base()[p] for p in PRICES if p in self.base()})
        rules = []
        for tier, above in sorted(k for k in self.rates if k != ("", -1)):
            rates = self.rates[tier, above]
            rule = {"tier": tier} if tier else {}
            if above >= 0:
                rule["above_input_tokens"] = above
            rule.update({p: rates[p] for p in PRICES if p in rates})
            rules.append(rule)
        if rules:
            out["prices"] = rules
        if self.abilities:
            out["abilities"] = self.abilities
        out["source"] = self.source
        return json.dumps(out, separators=(",", ":"), ensure_ascii=False)


def drop_holes(provider, model, entry):
    """A list writes 0 for what it does not know: only where things are free it is a price."""
    if entry.is_zero() and provider not in FREE and not model.endswith((":free", "-free")):
        entry.rates = {}


def litellm_member(name):
    """-> (row, above, tier) or None."""
    tier = ""
    for suffix, word in TIERS.items():
        if name.endswith(suffix):
            name, tier = name[:-len(suffix)], word
            break
    above = -1
    found = re.fullmatch(r"(.+)_above_([0-9]{1,6})k_tokens", name)
    if found:
        name, above = found[1], int(found[2]) * 1000
    for row in LITELLM:
        if row[0] == name:
            return row, above, tier
    return None


def litellm_tiers(entry, tiers):
    for i, tier in enumerate(tiers):
        low = tier.get("range", [None])[0] if isinstance(tier.get("range"), list) else None
        if not isinstance(low, D) or low < 0 or low != low.to_integral_value():
            return
        for member, value in tier.items():
            found = litellm_member(member)
            if found and found[0][2] == 6 and isinstance(value, D):
                entry.put(found[0][1], price(value, 6, found[0][1], member), -1 if i == 0 else int(low))


def read_litellm(root, keep, skip):
    for key, model in root.items():
        if key in ("sample_spec", "fallback_generalizations"):
            continue
        try:
            if not isinstance(model, dict) or not isinstance(model.get("litellm_provider"), str):
                raise Bad("no litellm_provider")
            if "-x-" in key:
                continue  # an image's size in a model's name
            provider = provider_name(model["litellm_provider"])
            head, slash, rest = key.partition("/")
            own = slash and rest and NAMES.get(head, head.lower().replace("_", "-")) == provider
            name = rest if own else key
            operation = MODES.get(model.get("mode", "chat"))
            if operation is None:
                continue
            entry = Entry(operation)
            for member, value in model.items():
                found = litellm_member(member)
                if found is None or value is None:
                    continue
                row, above, tier = found
                if row[3] is None or operation in row[3]:
                    entry.put(row[1], price(value, row[2], row[1], member), above, tier)
            if isinstance(model.get("tiered_pricing"), list):
                litellm_tiers(entry, model["tiered_pricing"])
            entry.context = count(model.get("max_input_tokens"))
            entry.output = count(model.get("max_output_tokens"))
            entry.abilities = [ours for theirs, ours in LITELLM_ABILITIES if model.get(theirs) is True]
            keep(provider, name, entry)
        except Bad as bad:
            skip(key, bad)


def models_dev_operation(name, model):
    made = model.get("modalities", {}).get("output", ["text"]) if isinstance(model.get("modalities"), dict) else ["text"]
    if "embed" in name.lower():
        return "embeddings"
    if "text" in made or not made:
        return "chat"
    return {"image": "image", "audio": "speech", "video": "video"}.get(made[0], "chat")


def read_models_dev(root, keep, skip):
    for provider_key, provider in root.items():
        for name, model in provider.get("models", {}).items() if isinstance(provider, dict) else ():
            try:
                ours = provider_name(provider_key)
                entry = Entry(models_dev_operation(name, model))
                cost = model.get("cost") if isinstance(model.get("cost"), dict) else {}
                parts = [(cost, -1)]
                for tier in cost.get("tiers", []):
                    size = tier.get("tier", {}).get("size")
                    if tier.get("tier", {}).get("type") == "context" and count(size):
                        parts.append((tier, count(size)))
                if len(parts) == 1 and isinstance(cost.get("context_over_200k"), dict):
                    parts.append((cost["context_over_200k"], 200000))
                for rates, above in parts:
                    for theirs, mine in MODELS_DEV:
                        if rates.get(theirs) is not None:
                            entry.put(mine, price(rates[theirs], 0, mine, "cost." + theirs), above)
                limit = model.get("limit") if isinstance(model.get("limit"), dict) else {}
                entry.context, entry.output = count(limit.get("context")), count(limit.get("output"))
                taken = model.get("modalities", {}).get("input", []) if isinstance(model.get("modalities"), dict) else []
                has = {"tools": model.get("tool_call") is True, "vision": "image" in taken, "audio": "audio" in taken,
                       "video": "video" in taken, "pdf": "pdf" in taken, "reasoning": model.get("reasoning") is True,
                       "structured_output": model.get("structured_output") is True}
                entry.abilities = [a for a in ABILITIES if has.get(a)]
                keep(ours, name, entry)
            except Bad as bad:
                skip(f"{provider_key}/{name}", bad)


def is_plain(text):
    return 0 < len(text.encode()) <= 512 and not re.search(r"[\x00-\x1f\x7f]", text)


def read_list(path, kind, source, report):
    with open(path, encoding="utf-8") as file:
        root = json.load(file, parse_float=D, parse_int=D)
    entries, skipped = {}, []

    def keep(provider, name, entry):
        if not is_plain(name):
            raise Bad("its name has control characters, or is too long")
        drop_holes(provider, name, entry)
        old = entries.get((provider, name))
        if old is not None:
            report.append(f"twice {kind}: {provider}/{name}")
            if old.has_price() or not entry.has_price():
                return
        entry.source = source
        entries[provider, name] = entry

    {"litellm": read_litellm, "models.dev": read_models_dev}[kind](
        root, keep, lambda key, bad: skipped.append(f"left out {kind}: {key}: {bad}"))
    report += skipped
    return entries


def merge(newer, older, report):
    """The later list's entry wins when it has a price; what it lacks comes from the other, prices only where both agree on
    input and output."""
    out = dict(older)
    for key, entry in newer.items():
        other = older.get(key)
        if other is None:
            out[key] = entry
            continue
        first, second = (entry, other) if entry.has_price() or not other.has_price() else (other, entry)
        first.context = first.context or second.context
        first.output = first.output or second.output
        first.abilities = [a for a in ABILITIES if a in first.abilities or a in second.abilities]
        if first.has_price() and second.has_price():
            mine, theirs = first.base(), second.base()
            if all(mine.get(p) == theirs.get(p) for p in PRICES[:2]):
                for condition, rates in second.rates.items():
                    for name, text in rates.items():
                        first.put(name, text, condition[1], condition[0])
            else:
                report.append("conflict: %s/%s: %s / %s of source %d taken, %s / %s of source %d not" % (
                    *key, mine.get(PRICES[0], "-"), mine.get(PRICES[1], "-"), first.source,
                    theirs.get(PRICES[0], "-"), theirs.get(PRICES[1], "-"), second.source))
        out[key] = first
    return out


def write(entries, sources, path):
    lines = sorted(("%s\t%s\t%s\n" % (*key, entry.json())).encode() for key, entry in entries.items())
    body = b"".join(lines)
    header = {"catalogue": 1, "entries": len(lines), "bytes": len(body), "crc32": "%08x" % zlib.crc32(body),
              "as_of": max(s["as_of"] for s in sources), "sources": sources, "names": NAMES, "free": FREE}
    with open(path, "wb") as file:
        file.write(json.dumps(header, separators=(",", ":")).encode() + b"\n" + body)


def check(path):
    with open(path, "rb") as file:
        header, _, body = file.read(FILE_MAX).partition(b"\n")
    header = json.loads(header)
    lines = body.splitlines(keepends=True)
    wrong = []
    if (header["catalogue"], header["entries"], header["bytes"]) != (1, len(lines), len(body)):
        wrong.append("the header does not fit")
    if header["crc32"] != "%08x" % zlib.crc32(body):
        wrong.append("the checksum is another one")
    keys = [line.split(b"\t")[:2] for line in lines]
    if keys != sorted(keys) or len({tuple(k) for k in keys}) != len(keys):
        wrong.append("the entries are not in order, or one stands twice")
    for line in lines:
        if not 0 <= json.loads(line.split(b"\t", 2)[2])["source"] < len(header["sources"]):
            wrong.append("an entry's source is not in the header")
            break
    providers = {k[0] for k in keys}
    print(f"{path}: {len(lines)} models of {len(providers)} providers, {len(body)} bytes"
          + "".join("\n  " + w for w in wrong))
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output")
    for name in ("litellm", "models-dev"):
        parser.add_argument(f"--{name}", metavar="FILE")
        parser.add_argument(f"--{name}-date", metavar="DATE", default="1970-01-01")
    parser.add_argument("--report", metavar="FILE", help="what was left out, stood twice or is in conflict")
    parser.add_argument("--check", metavar="FILE", help="check a catalogue and say how large it is")
    args = parser.parse_args()
    if args.check:
        return check(args.check)
    lists = [(args.litellm_date, "litellm", args.litellm), (args.models_dev_date, "models.dev", args.models_dev)]
    lists = sorted((item for item in lists if item[2]), reverse=True)
    if not args.output or not lists:
        parser.error("nothing to do")
    report, sources, entries = [], [], {}
    for n, (date, kind, path) in enumerate(lists):
        sources.append({"name": kind, "as_of": date})
        entries = merge(entries, read_list(path, kind, n, report), report)
    write(entries, sources, args.output)
    if args.report:
        with open(args.report, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in sorted(report))
    print(f"{len(entries)} models of {len({k[0] for k in entries})} providers; {len(report)} lines of report")
    return 0


if __name__ == "__main__":
    sys.exit(main())
