"""Tables from what others export: files on disk in, a checked folder of tables out.

One opening (`opening`) reads a file, whatever holds it (JSON, YAML, CSV, Excel, Parquet, zip);
each reader, one short module, says whether it knows the shape and gives rows of the contract's
columns (`rows`); `filling` adds what the shipped tables know of the same models; `writing` makes
the folder and says what was taken, what was left and why. Nothing is fetched.
"""

from densing_bayes.importing.writing import Imported, import_files

__all__ = ["Imported", "import_files"]
