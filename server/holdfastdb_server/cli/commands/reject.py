"""`holdfast reject`: reject a pending approval."""

from __future__ import annotations

from holdfastdb_server.cli import decisions, options
from holdfastdb_server.cli.invocation import Server, call


def reject(
    approval: decisions.ApprovalId,
    by: decisions.Decider = "",
    reason: decisions.Reason = "",
    as_json: options.AsJson = False,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """Reject a pending approval.

    Example: holdfast reject 0197-refund --reason "paid already"

    Exits with 1 if there is none, it is no longer pending, or no server replies, with 2 for wrong usage.
    """
    server, who = Server(target, namespace, token, tls), decisions.decider(by)
    decided = call(server, lambda client: client.approvals.reject(approval, who, reason=reason))
    decisions.show(decided, as_json)
