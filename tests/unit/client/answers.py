"""Something for each method to answer."""

from __future__ import annotations

from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import session_service_pb2 as session_pb
from tests.unit.client.scripted import Script

SESSION = session_pb.Session(session_id="s-1", status=session_pb.SESSION_STATUS_ACTIVE, version=3)
STATE = session_pb.State(session_id="s-1", key="default", version=1)


def script_all(script: Script) -> None:
    """Every method answers."""
    for verb in ("Create", "Get", "Update", "Transition", "Fork"):
        script.on(f"{verb}Session", getattr(session_pb, f"{verb}SessionResponse")(session=SESSION))
    script.on("DeleteSession", session_pb.DeleteSessionResponse())
    script.on("ListSessions", session_pb.ListSessionsResponse(sessions=[SESSION]))
    script.on("SaveState", session_pb.SaveStateResponse(states=[STATE]))
    loaded = session_pb.State(key="default", payload=payload_pb2.Payload(json='{"a":1.50}'))
    script.on("PatchState", session_pb.PatchStateResponse(state=loaded))
    script.on("LoadState", session_pb.LoadStateResponse(state=loaded))
    script.on("ListStates", session_pb.ListStatesResponse(states=[loaded]))
    script.on("DeleteStates", session_pb.DeleteStatesResponse(deleted_count=2))
    receipt = history_pb.EventReceipt(event_id="e1", sequence=1)
    script.on("AppendEvents", history_pb.AppendEventsResponse(receipts=[receipt], last_sequence=1))
    script.on("ListEvents", history_pb.ListEventsResponse(events=[history_pb.Event(sequence=1)]))
    script.on("ReplaceEvents", history_pb.ReplaceEventsResponse(removed_count=3, last_sequence=9))
    script.on(
        "SummarizeEvents", history_pb.SummarizeEventsResponse(summaries=[history_pb.EventSummary(count=4)])
    )
