"""Rule `jet_assignment`."""

from functools import partial

from skimflow.io.outputs import write_text
from skimflow.learning.events import assigned
from skimflow.learning.jet_assignment import train
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.learning import assignment
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    settings, output = snakemake.params.settings, snakemake.output
    training = settings["training"]
    events = assigned(snakemake.input.events, settings["selection"], training["wrapped"])
    models, table = train(events, training)
    for path, text in zip(output.models, models.values(), strict=True):
        write_text(text, path)
    write_text(table.to_csv(index=False, float_format="%.6g"), output.table[0])
    draw(
        partial(assignment, table=table, settings=settings), output.figure, settings, stamp(settings, settings["code"])
    )
