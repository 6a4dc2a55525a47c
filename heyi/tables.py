"""Every table of the program, so that ``Base.metadata`` is whole: what is missing here has no migration."""

# ruff: noqa: F401  imported for the tables that they declare

import asr.record.backlog
import asr.record.corrections
import asr.record.index
import asr.record.lexicon
import asr.record.transcripts
import core.audit
import desk.access.tables
import desk.access.users
import desk.config.tables
import desk.shift.tables
import ivr.tables
import quality.calibration.tables
import quality.coaching.tables
import quality.listening.tables
import quality.reports.tables
import quality.reviews.drafts
import quality.reviews.tables
import quality.scorecards.versions
import quality.tables
import switchboard.figures.worktime
import switchboard.health
import switchboard.kept.tables
import switchboard.marks
import switchboard.missed.tables
import telephony.ledger
import telephony.recordings.sealer
import ticketing.analysis.tables
import ticketing.assessment.tables
import ticketing.assign.tables
import ticketing.callbacks.tables
import ticketing.clocks.tables
import ticketing.dispatch.tables
import ticketing.doors.tables
import ticketing.index
import ticketing.knowledge.tables
import ticketing.patrol.tables
import ticketing.selfservice.tables
import ticketing.tables
import triage.incidents.store
import triage.loop.tables
import triage.store
from core.database import Base

METADATA = Base.metadata
