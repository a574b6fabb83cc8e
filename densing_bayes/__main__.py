"""``python -m densing_bayes``."""

from densing_bayes.cli.main import main

main()
