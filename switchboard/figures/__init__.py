"""What is counted: the wallboard's figures, the list of calls behind them, working time."""
