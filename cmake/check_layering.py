"""Fails when a source file includes a header its folder may not see.

The ladder is written once, here, and mirrors the link lists: a folder sees itself, what stands below, and the
third-party headers named for it. A stage's command files and cli/ see everything.
"""
import pathlib
import re
import sys

IO = {"contract", "log"}
TORCH = IO | {"text", "model", "train"}
STAGE = TORCH | {"rollout"}
SEES = {
    "log": set(),
    "contract": set(),
    "label_quality": {"contract"},
    "text": IO,
    "formats": IO,
    "storage": IO,
    "rpc": IO | {"proto"},
    "curves": IO,
    "data": IO | {"formats", "label_quality", "storage"},
    "annotate": IO | {"label_quality", "storage"},
    "select": IO,
    "model": IO | {"text"},
    "train": IO | {"text", "model"},
    "rollout": IO | {"text", "model"},
    "pretrain": TORCH,
    "sft": TORCH,
    "reward_model": TORCH,
    "ppo": STAGE | {"curves"},
    "evaluate": STAGE | {"curves"},
}
THIRD_PARTY = {
    r"(torch|ATen|c10)/": {"model", "train", "rollout", "pretrain", "sft", "reward_model", "ppo", "evaluate", "cli"},
    r"(grpc|grpcpp|google/protobuf)/": {"rpc"},
    r"rlhf/v1/": {"rpc"},
    r"(sqlite3|SQLiteCpp)": {"storage"},
    r"spdlog/": {"log"},
    r"httplib": {"annotate"},
    r"CLI/": {"cli"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def sees_all(path: pathlib.Path) -> bool:
    return path.parts[0] == "cli" or path.name.startswith("command") or path.name.endswith(("_command.cpp", "_command.h"))


def violations(root: pathlib.Path):
    for folder in list(SEES) + ["cli"]:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            relative = path.relative_to(root)
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                quote, header = match.groups()
                top = header.split("/")[0]
                where = f"{relative}:{number}"
                if quote == '"' and "/" in header and top != folder and not sees_all(relative) and top not in SEES[folder]:
                    yield f"{where}: {folder}/ may not include {header}"
                if quote == "<":
                    for pattern, allowed in THIRD_PARTY.items():
                        command = pattern in (r"CLI/",) and sees_all(relative)
                        if re.match(pattern, header) and folder not in allowed and not command:
                            yield f"{where}: {folder}/ may not include <{header}>"


def main() -> int:
    found = list(violations(pathlib.Path(sys.argv[1])))
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
