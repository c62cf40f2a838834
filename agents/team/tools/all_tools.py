"""All tools of the team, in the order in which a model reads them; to add one: a module with a `TOOL`, a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.team.tools import (
    ask_person,
    call_mcp_tool,
    delegate,
    delete_file,
    deployment,
    edit_file,
    execute_command,
    findings,
    finish,
    git_changes,
    git_diff,
    git_log,
    git_status,
    list_files,
    list_mcp_tools,
    need,
    plan,
    read_file,
    remember,
    rename_file,
    render_template,
    run_tests,
    search_code,
    search_files,
    test_results,
    write_file,
)

if TYPE_CHECKING:
    from agents.team.tool import TeamTool

TOOLS: tuple[TeamTool[Any], ...] = (
    read_file.TOOL,
    list_files.TOOL,
    search_files.TOOL,
    search_code.TOOL,
    findings.TOOL,
    git_status.TOOL,
    git_diff.TOOL,
    git_log.TOOL,
    edit_file.TOOL,
    write_file.TOOL,
    rename_file.TOOL,
    delete_file.TOOL,
    render_template.TOOL,
    run_tests.TOOL,
    test_results.TOOL,
    execute_command.TOOL,
    git_changes.BRANCH,
    git_changes.COMMIT,
    git_changes.MERGE,
    git_changes.PUSH,
    deployment.LIST,
    deployment.CHECK,
    deployment.DEPLOY,
    deployment.STATUS,
    deployment.ROLL_BACK,
    list_mcp_tools.TOOL,
    call_mcp_tool.TOOL,
    plan.TOOL,
    need.TOOL,
    delegate.TOOL,
    ask_person.TOOL,
    remember.REMEMBER,
    remember.RECALL,
    finish.TOOL,
)
