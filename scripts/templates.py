"""Rule `templates`."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from skimflow.counts.table import merge, read
from skimflow.histograms.collecting import named
from skimflow.histograms.files import write_json, write_root
from skimflow.histograms.tables import cutflow, outside, selected, templates_of, to_table, without_stages, yields
from skimflow.io.outputs import read_stamp, write_table, write_text
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    files, settings, output = snakemake.input, snakemake.params.settings, snakemake.output
    source = read_stamp(files.counts)
    says = {name: source[name] for name in ("completeness", "luminosity")}
    filled = merge(read(files.histograms))
    counts = merge([pq.read_table(files.counts), filled])
    completeness = json.loads(Path(files.completeness).read_text(encoding="utf-8"))
    templates = templates_of(counts, settings, completeness)
    about = stamp(settings, snakemake.params.code, **says, outside=outside(files.histograms), counts=source)
    write_table(to_table(templates), output.parquet, about)
    written = named(without_stages(templates))
    write_root(written, output.root, about)
    write_json(written, output.json, about)
    write_text(yields(templates, settings).to_csv(index=False, float_format="%.7g"), output.yields)
    write_table(selected(filled), output.selection, about)
    flow = cutflow(counts, settings, completeness)
    write_text(flow.to_csv(index=False, float_format="%.7g"), output.cutflow)
