"""``python -m densing_bayes``."""

from densing_bayes.cli import main

main()
