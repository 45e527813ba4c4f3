"""One call of a flow or a task: what the rules' effects mean for it."""
