"""How figures are drawn and written: lines, a heat map, a scatter plot, all in one theme."""
