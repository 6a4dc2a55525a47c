"""How recognition stands, as figures for monitoring."""

from asr.decode.pool import PoolState
from core.metrics import Sample


def samples(pool: PoolState, *, open_finals: int, lag_s: float, recordings: int) -> list[Sample]:
    """``open_finals`` and ``lag_s``: finished utterances that are not stored and the age of the oldest;
    ``recordings``: calls that wait for the pass after the call."""
    waiting = {"final": pool.finals, "pause": pool.pauses, "partial": pool.partials, "record": pool.records}
    return [
        Sample("heyi_asr_final_lag_seconds", lag_s, "Age of the oldest finished utterance without a stored text."),
        Sample("heyi_asr_finals_open", open_finals, "Finished utterances without a stored text."),
        Sample("heyi_asr_recordings_waiting", recordings, "Calls whose recording waits to be transcribed."),
        *(
            Sample("heyi_asr_jobs_waiting", count, "Stretches of speech in line for a decode process.",
                   labels={"kind": kind})
            for kind, count in waiting.items()
        ),
        *(
            Sample("heyi_asr_decoded_total", count, "Stretches of speech that were decoded.", "counter",
                   {"kind": kind})
            for kind, count in pool.decoded.items()
        ),
        Sample("heyi_asr_looks_shed_total", pool.shed, "Looks at running speech given up under load.", "counter"),
        Sample("heyi_asr_looks_replaced_total", pool.replaced, "Looks that a newer one made needless.", "counter"),
        Sample("heyi_asr_failed_total", pool.failed, "Stretches on which two decode processes died.", "counter"),
        Sample("heyi_asr_restarts_total", pool.restarts, "Decode processes that were replaced.", "counter"),
        Sample("heyi_asr_processes", pool.workers, "Decode processes."),
        Sample("heyi_asr_processes_busy", pool.busy, "Decode processes at work."),
    ]  # fmt: skip
