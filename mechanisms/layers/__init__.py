"""The layers that models share: blocks, stacks, recurrent networks, decoders and scans."""
