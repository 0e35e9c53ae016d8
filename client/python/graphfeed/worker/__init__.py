"""The process beside an accelerator: batches into a model, measured, with checkpoints."""
