"""`workspace/diagnostic`: the findings of files that are not open, as partial results if the client takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from server.lsp.conversion import diagnostics

if TYPE_CHECKING:
    from server.lsp.session.snapshot import Snapshot
    from server.lsp.session.workspace_reviews import WorkspaceReviews


async def handle(
    snapshot: Snapshot, reviews: WorkspaceReviews, params: types.WorkspaceDiagnosticParams
) -> types.WorkspaceDiagnosticReport:
    """Return the findings of the files that are not open, or send them in parts if the client takes partial results.

    A report that the client already has contains the result id only.
    """
    previous = {known.uri: known.value for known in params.previous_result_ids}
    items: list[diagnostics.FileItem] = []
    async for reports in reviews.iterate_reports(snapshot.roots, previous, snapshot.encoding):
        part = [diagnostics.build_file_report(report) for report in reports]
        if params.partial_result_token is None:
            items += part
        elif part:
            reviews.send_part(params.partial_result_token, types.WorkspaceDiagnosticReportPartialResult(part))
    return types.WorkspaceDiagnosticReport(items)
