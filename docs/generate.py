"""Writes docs/variables.md and docs/modules.md from what the roles and modules say of themselves.

``python docs/generate.py`` writes both; with ``--check`` nothing is written, and the exit code is 1
where a page is not what it would write.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
COLLECTION = "barevm.kafka"
WRITTEN = "<!-- Written by docs/generate.py: `make docs`. Change the spec or the module instead. -->"
# Ansible's own markup (docs.ansible.com, "Ansible markup"): the name of the macro and what it shows.
MARKUP = re.compile(r"\b(?P<name>[BICOVEPMLURS]|RV)\((?P<text>[^)]*)\)")


def markdown(text: str) -> str:
    """Ansible markup as Markdown: B bold, I/O/C/V and the like as code, M and P by name, L and U as links."""

    def shown(match: re.Match[str]) -> str:
        name, value = match["name"], match["text"]
        if name == "B":
            return f"**{value}**"
        if name == "L":
            label, _, target = value.partition(",")
            return f"[{label.strip()}]({target.strip()})"
        if name == "U":
            return f"<{value}>"
        return f"`{value}`"

    return MARKUP.sub(shown, text)


def paragraphs(description: str | Sequence[str] | None) -> list[str]:
    """A description as Markdown paragraphs, whether it was given as one text or as a list."""
    if not description:
        return []
    texts = [description] if isinstance(description, str) else description
    return [markdown(" ".join(str(text).split())) for text in texts]


def literal(value: Any) -> str:
    """A default as it would be written in an inventory, on one line and safe inside a table."""
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if text == "":
        return '`""`'
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def kind(option: Mapping[str, Any]) -> str:
    """The type as people say it: ``list of dict``, ``int``."""
    name = str(option.get("type", "str"))
    return f"list of {option['elements']}" if "elements" in option else name


def rows(options: Mapping[str, Mapping[str, Any]], parent: str = "") -> Iterator[str]:
    """One table row for each option, those nested in another one behind it by their full path."""
    for name, option in options.items():
        path = f"{parent}{name}"
        default = "required" if option.get("required") else literal(option.get("default", ""))
        if not option.get("required") and option.get("default") is None:
            default = "none"
        words = " ".join(paragraphs(option.get("description"))).replace("|", "\\|")
        if option.get("choices"):
            words += " One of " + ", ".join(literal(choice) for choice in option["choices"]) + "."
        yield f"| `{path}` | {kind(option)} | {default} | {words.strip()} |"
        nested = option.get("options") or option.get("suboptions")
        if nested:
            yield from rows(nested, f"{path}{'[]' if 'elements' in option else ''}.")


def table(first: str, options: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A Markdown table of options."""
    return [f"| {first} | Type | Default | What it is |", "|---|---|---|---|", *rows(options), ""]


def variables_page() -> str:
    """The variable reference: every role's argument_specs, one chapter a role."""
    lines = [
        "# Variables",
        "",
        WRITTEN,
        "",
        "Everything an inventory can set, by the role that owns it. *required* has no default: preflight",
        "refuses to start without it. A default in braces is a template, resolved for each host.",
        "",
    ]
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        role = path.parents[1].name
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        lines += [f"## {role}", ""]
        for entry, spec in entries.items():
            if len(entries) > 1:
                lines += [f"### {role}: {entry}", ""]
            if spec.get("short_description"):
                lines += [f"**{markdown(spec['short_description']).rstrip('.')}.**", ""]
            for paragraph in paragraphs(spec.get("description")):
                lines += [paragraph, ""]
            lines += table("Variable", spec["options"]) if spec.get("options") else ["No variables.", ""]
    return "\n".join(lines).rstrip() + "\n"


def module_docs() -> dict[str, dict[str, Any]]:
    """What ansible-doc says of every module, by short name, with doc fragments merged in.

    Raises RuntimeError with ansible-doc's words where one of them cannot be read.
    """
    names = [path.stem for path in sorted(ROOT.glob("plugins/modules/*.py")) if path.stem != "__init__"]
    if not names:
        return {}
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-doc"),
            *("--type", "module", "--json"),
            *(f"{COLLECTION}.{name}" for name in names),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"ansible-doc failed:\n{done.stderr.strip()}")
    docs: dict[str, dict[str, Any]] = {
        name.rpartition(".")[2]: doc for name, doc in json.loads(done.stdout).items()
    }
    missing = sorted(set(names) - set(docs))
    if missing:
        raise RuntimeError(f"ansible-doc cannot read {', '.join(missing)}:\n{done.stderr.strip()}")
    return docs


def modules_page() -> str:
    """The module reference: description, options, an example and what comes back, one chapter a module."""
    lines = ["# Modules", "", WRITTEN, ""]
    for name, entry in sorted(module_docs().items()):
        doc = entry["doc"]
        lines += [f"## {name}", "", f"**{markdown(doc['short_description']).rstrip('.')}.**", ""]
        for paragraph in paragraphs(doc["description"]):
            lines += [paragraph, ""]
        for title in ("requirements", "notes"):
            if doc.get(title):
                lines += [f"{title.capitalize()}:", "", *(f"- {markdown(text)}" for text in doc[title]), ""]
        lines += table("Option", doc["options"]) if doc.get("options") else ["No options.", ""]
        lines += ["```yaml", (entry.get("examples") or "").strip(), "```", ""]
        if entry.get("return"):
            lines += ["| Returned | Type | What it is |", "|---|---|---|"]
            for key, value in entry["return"].items():
                words = " ".join(paragraphs(value.get("description"))).replace("|", "\\|")
                lines.append(f"| `{key}` | {kind(value)} | {words} |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write both pages, or compare them; returns 1 where a page is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where a page is not current"
    )
    check = parser.parse_args().check
    stale = False
    for path, text in ((DOCS / "variables.md", variables_page()), (DOCS / "modules.md", modules_page())):
        there = path.read_text(encoding="utf-8") if path.is_file() else ""
        if there == text:
            continue
        stale = True
        if check:
            name = str(path.relative_to(ROOT))
            print(f"{name} is not current: run `make docs` and commit it")
            print(
                "".join(
                    list(difflib.unified_diff(there.splitlines(True), text.splitlines(True), name, name))[:20]
                )
            )
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
