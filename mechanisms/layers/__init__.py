"""What models share: blocks, stacks, recurrent networks, decoders and scans. A model imports the file it needs."""
