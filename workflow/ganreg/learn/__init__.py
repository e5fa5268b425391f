"""What every network's training shares: devices, checkpoints, history, optimizers, fast convolutions."""
