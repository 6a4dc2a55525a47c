/** Runs `work` at most once in `ms`, and once more where it was asked for in between; `failed` hears of errors. */
export function sparingly(ms, work, failed) {
  let timer = null;
  let again = false;
  const run = async () => {
    timer = setTimeout(() => {
      timer = null;
      if (again) {
        again = false;
        run();
      }
    }, ms);
    await work().catch(failed);
  };
  return () => {
    if (timer) again = true;
    else run();
  };
}

/**
 * For questions whose answers may overtake each other. Call the function that is returned when asking: it gives another
 * that says, when the answer is there, whether it is to be taken. None is, after that to a later question.
 */
export function inTurn() {
  let asked = 0;
  let taken = 0;
  return () => {
    const own = ++asked;
    return () => {
      if (own < taken) return false;
      taken = own;
      return true;
    };
  };
}
