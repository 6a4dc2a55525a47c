// Letters and what else came by other doors than the telephone.
import { keepFresh, soon } from "./livepart.js";

keepFresh({ TicketTakenIn: soon, LetterMoved: soon, TicketMoved: soon, TicketEdited: soon });
