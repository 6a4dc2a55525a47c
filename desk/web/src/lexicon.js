// The city's lexicon: what is proposed appears as transcripts are corrected.
import { keepFresh, soon } from "./livepart.js";

keepFresh({ TranscriptCorrected: soon });
