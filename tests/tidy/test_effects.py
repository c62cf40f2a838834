"""Invariant 3: the program touches a disk or starts a process only in the modules named here, each for its reason."""

from __future__ import annotations

import ast
import re

from tests.tidy.tree import read_modules

OURS = {"rename"}  # our own functions with such names
WRITES = re.compile(
    r"(^|\.)(write_text|write_bytes|unlink|rmdir|rmtree|rename|replace|remove|mkdir|makedirs|touch|symlink_to|tofile|ftruncate)$"
    r"|^(make_folder|make_file|repair_folder|set_aside|write_file|open_private|make_tree_private)$"
)
STRING_METHOD = {"replace", "remove"}  # str.replace, list.remove: told apart by their arguments
STARTS = re.compile(
    r"^(subprocess\.\w+|os\.(system|exec\w*|spawn\w*|popen|fork)|multiprocessing\.\w+|asyncio\.create_subprocess_\w+)$"
    r"|\.start_io$"  # pygls' client
)

# Derived state and logs under Starling's own directories: none of these takes a path from a workspace or a model.
MAY_WRITE = {
    "starling_files.py": "folders and files of our own, for whoever of us asks",
    "indexing/storage/arrays.py": "the segment file, written aside and swapped in",
    "indexing/process/supervisor.py": "the folder of the index",
    "indexing/storage/index_files.py": "the folder of the index; removes what is damaged or out of date there",
    "indexing/storage/all_indexes.py": "the folder of the index; removes what was not used for longest, over the limit",
    "indexing/process/disk_limit.py": "the folder of the libraries' index; removes files not used for longest",
    "indexing/storage/use_marks.py": "the folder of the index: marks of servers that search an index",
    "indexing/storage/database.py": "the database of the index",
    "indexing/vectors/embedding_thread.py": "the folder of the index: the lock of who writes vectors",
    "indexing/vectors/vector_file.py": "the folder of the index: vectors of code",
    "indexing/vectors/vectors.py": "the same folder; removes vectors of other models",
    "indexing/libraries/library_files.py": "the folder of the shared index of libraries; removes what is unused there",
    "indexing/libraries/loading.py": "removes a damaged segment from the same folder",
    "indexing/process/library_building.py": "the same folder; removes there what is damaged, and packages in a segment",
    "indexing/process/library_work.py": "the same folder, which it makes and repairs",
    "indexing/storage/store.py": "the folder of the index; removes segments that were replaced",
    "models/local/calibration.py": "the remembered number of threads",
    "models/host/address.py": "the host's own socket, and the file with its port and token, in the runtime folder",
    "models/host/folder_trust.py": "the folder of the host's socket",
    "models/catalog/installation.py": "the folder of a model that a person installs or removes, in the models folder",
    "models/local/machine_probe.py": "a network to measure with, in a private temporary folder that goes again",
    "models/catalog/pulling.py": "the folder of downloads; the hub's library writes there too",
    "models/conversion/conversion.py": "a converted model in the models folder, written aside and moved in",
    "models/remote/reply_store.py": "the answers kept for an hour, below the cache; removes what is damaged there",
    "server/cli/models/library.py": "the user's settings, when asked to use a model; the folder of a finished download",
    "server/assembly/checks.py": "a sample in a temporary folder, which the doctor indexes",
    "server/lsp/commands/schema.py": "the published schema; runs when a developer asks for it",
    "server/lsp/serving/first_start.py": "an empty file in the state folder: a person was told",
    "server/gate/disk/disk.py": "the files of the workspace; only the gate calls it, after a person's yes",
    "server/gate/disk/overwriting.py": "an open file of the workspace, in place; only the disk's module opens one",
    "server/gate/question/shown_documents.py": "the diffs that questions are about, in Starling's cache",
    "server/assembly/log.py": "the folder of the log",
    "server/observation/trace_file.py": "the file of traces, beside the log, where a person turned them on",
    "server/assembly/watching/action_log.py": "files of the team's actions, beside the log; removes old ones there",
    "server/state/paths.py": "Starling's own folders",
    "server/state/databases/sqlite.py": "the folder of the state database",
    "server/cli/state.py": "the file that a person names for the export of the state, never an old one",
    "server/cli/team/training.py": "the file that a person names for the export of approved edits, never an old one",
    "server/state/access/login_files.py": "tokens of a person's logins, in the state folder",
    "server/state/turn_files.py": "records of turns in the state folder",
    "server/pairing/announcements.py": "the announcement of a language server and its socket, in the runtime folder",
    "server/lsp/serving/resident.py": "the socket of the resident server, in the runtime folder",
    "server/lsp/serving/token_file.py": "a socket's token, in the runtime folder or where a person says",
    "server/gate/trials/trials.py": "a temporary copy of the workspace that a test is tried on, after a person's yes",
    "server/gate/trials/templates.py": "a template's copy, in a private temporary folder that goes again",
    "server/gate/commands/runner.py": "a private temporary folder of one command, which goes with it",
    "server/work/life_signs.py": "a worker's sign of life, in the runtime folder; removes those of ended workers",
    "server/work/worktrees.py": "the folder of the worktrees, and in it that of a task",
}
MAY_START = {
    "server/cli/person_editor.py": "the person's own editor, from their environment, when they ask for it",
    "server/gate/commands/groups.py": "commands and the workspace's tests, after a person agreed to them in full",
    "server/gate/commands/launcher.py": "the same commands, in a confinement that only the process itself can enter",
    "indexing/process/children.py": "ruff, git and our own readers, each from a fixed command line, within bounds",
    "server/lsp/demo_client.py": "this program's own server, from a fixed command line",
    "server/lsp/front/link.py": "the resident server, from a fixed command line of this program",
    "models/host/launcher.py": "the model host, from a fixed command line of this program",
    "indexing/process/spawning.py": "the indexing process, from a fixed command line",
    "server/mcp_client/stdio.py": "a person's own MCP servers, by the command lines in the person's own settings",
}

# Modules that make folders and files without the mode of our own; all others use `starling_files`.
MAY_MAKE = {
    "starling_files.py": "it is the one",
    "models/conversion/conversion.py": "in a private temporary folder, closed to others before it is moved",
    "models/host/address.py": "made with the mode that it has to have",
    "models/host/folder_trust.py": "made with the mode that it has to have; others' folders and links are not followed",
    "models/catalog/installation.py": "in a private temporary folder, closed to others before it is moved",
    "models/local/machine_probe.py": "in a private temporary folder",
    "server/assembly/checks.py": "in a private temporary folder",
    "server/lsp/commands/schema.py": "the published schema, when a developer asks for it",
    "server/gate/disk/disk.py": "files of the workspace: they get the mode that a person's editor would give them",
    "server/gate/trials/trials.py": "a copy of the workspace, in a private temporary folder",
    "server/gate/trials/templates.py": "a template's copy, in a private temporary folder",
    "server/gate/commands/runner.py": "in a private temporary folder",
}
MAKES = re.compile(
    r"(^|\.)(mkdir|makedirs|touch|write_text|write_bytes|mkstemp|NamedTemporaryFile|RotatingFileHandler)$"
)


def is_write(name: str, call: ast.Call) -> bool:
    """Return whether a call of the function `name` can change a disk."""
    last = name.rpartition(".")[2]
    if name in {"open", "io.open"} or last == "open":
        mode = [a.value for a in call.args[1:2] if isinstance(a, ast.Constant)]
        mode += [k.value.value for k in call.keywords if k.arg == "mode" and isinstance(k.value, ast.Constant)]
        return any(isinstance(m, str) and set(m) & set("wax+") for m in mode)
    if last in STRING_METHOD:
        return name.startswith(("os.", "shutil."))
    return name not in OURS and bool(WRITES.search(name))


def test_disks_are_written_where_the_list_says() -> None:
    found = sorted({s.path for s in read_modules() for name, call in s.calls if is_write(name, call)})
    assert found == sorted(MAY_WRITE)


def test_a_workspace_is_changed_by_the_gate_only() -> None:
    """Nothing else makes a change on the disk, tells an editor to, or calls what does."""
    disk = {s.path for s in read_modules() if re.search(r"gate\.disk\.disk|gate\.disk import .*\bdisk\b", s.text)}
    assert disk == {
        "server/lsp/editor/editor_workplace.py",
        "server/gate/gate.py",
        "server/gate/recovery.py",  # removes what a killed process left unfinished beside a file
        "server/assembly/gates.py",
    }
    assert {
        s.path for s in read_modules() if "WORKSPACE_APPLY_EDIT" in s.text or '"workspace/applyEdit"' in s.text
    } == {"server/lsp/editor/editor_workplace.py"}
    making = re.compile(r"(workplace|disk|Workplace\(.*\))\.(apply|make)$")
    calls = {s.path for s in read_modules() for name, _ in s.calls if making.search(name)}
    assert calls == {
        "server/lsp/editor/editor_workplace.py",  # an editor that cannot create files has it done
        "server/lsp/editor/editor_pairing.py",  # a change of another process's gate, which the record has to hold
        "server/pairing/paired_workplace.py",  # the workplace of a gate, in front of the disk
        "server/gate/application.py",
    }


def test_processes_are_started_where_the_list_says() -> None:
    found = sorted({s.path for s in read_modules() for name, _ in s.calls if STARTS.search(name)})
    assert found == sorted(MAY_START)


def is_umask_dependent(name: str, call: ast.Call) -> bool:
    """Return whether a call of the function `name` makes a folder or a file with a mode that depends on the umask."""
    given = {keyword.arg for keyword in call.keywords}
    if name.rpartition(".")[2] == "open":
        flags = ast.unparse(call)
        return ("O_CREAT" in flags or is_write(name, call)) and "opener" not in given and name != "open_private"
    if name.rpartition(".")[2] == "connect" and "sqlite3" in name:
        return not any(word in ast.unparse(call) for word in ("make_file", "uri=True", ":memory:"))
    return (name not in OURS and bool(MAKES.search(name))) or (name == "FileLock" and "mode" not in given)


def test_files_of_our_own_are_made_in_one_module_and_readable_only_by_their_user() -> None:
    assert sorted(
        {s.path for s in read_modules() for name, call in s.calls if is_umask_dependent(name, call)}
    ) == sorted(MAY_MAKE)
