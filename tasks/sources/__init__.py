"""What tasks sample texts from: grammars, languages, lexicons and stories. They import no registered task."""
