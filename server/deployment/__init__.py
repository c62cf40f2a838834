"""Deployments of a workspace to a person's targets: planned, asked about by the gate, run, recorded, rolled back."""
