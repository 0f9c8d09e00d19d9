"""Rule `aggregate`."""

from pathlib import Path

from skimflow.aggregate import Request, aggregate
from skimflow.io.outputs import write_json, write_table, write_text
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    files: dict[str, list[str]] = {}
    for path in snakemake.input.counts:
        files.setdefault(Path(path).parent.name, []).append(path)
    certified = snakemake.input.certified[0] if snakemake.input.certified else None
    table = (snakemake.input.luminosity[0], params.unit) if snakemake.input.luminosity else None
    result = aggregate(Request(files, params.completeness, certified, params.windows, params.samples, table))
    says = {
        "completeness": result.completeness["statement"],
        "luminosity": result.completeness["luminosity"]["statement"],
    }
    provenance = stamp(dict(params.windows), params.code, **says)
    write_table(result.counts, output.counts, provenance)
    write_json(result.completeness | {"provenance": provenance}, output.completeness)
    write_json(result.processed_lumis, output.processed_lumis)
    for path in output.lumis_of:
        write_json(result.lumis_of[Path(path).parent.name][Path(path).stem], path)
    write_text(result.luminosity, output.luminosity)
    write_text(result.cutflow, output.cutflow)
