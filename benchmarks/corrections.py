"""Cost of each correction, CPU µs an event, on one core: `python benchmarks/corrections.py`.

Events have two muons, six jets and five generated jets each, flat in the range that the files cover. The files are
those of 2016 (SKIMFLOW_TEST_DATA, else ../shared/data); reading them comes once in a process and is shown apart.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from skimflow.physics import cuts
from skimflow.physics.corrections import btag, factors, rochester, seeds
from skimflow.physics.corrections.files import CorrectionFile
from skimflow.physics.corrections.jets import GeneratedJets, JetEnergy, Jets
from skimflow.physics.corrections.met import Change, MissingMomentum, Modulation, propagate
from skimflow.physics.corrections.weights import Weights
from skimflow.physics.leptons import MUON, Leptons

ROOT = Path(__file__).resolve().parents[1]
FOUND = Path("results/benchmarks/corrections.json")
EVENTS, MUONS, JETS, GENERATED = 100_000, 2, 6, 5
MC, RESOLUTION = "Summer19UL16_V7_MC", "Summer20UL16_JRV3_MC"
Case = tuple[str, Callable[[], object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("SKIMFLOW_TEST_DATA", ROOT.parent / "shared/data"))
    parser.add_argument("--quick", action="store_true", help="a tenth of the events")
    options = parser.parse_args()
    events, folder = EVENTS // 10 if options.quick else EVENTS, Path(options.data)
    if not (folder / "correctionlib").is_dir():
        raise SystemExit(f"error: no correction files in {folder}: give their folder with --data")
    reading, cases = prepared(folder, Toy(events))
    found = {name: microseconds(case, events) for name, case in cases}
    print(
        f"{events} events, {MUONS} muons, {JETS} jets and {GENERATED} generated jets each; CPU µs an event, best of 3"
    )
    for name, cost in found.items():
        print(f"{cost:8.2f}  {name}")
    print("once in a process, CPU ms")
    for name, cost in reading.items():
        print(f"{cost:8.0f}  {name}")
    FOUND.parent.mkdir(parents=True, exist_ok=True)
    result = {"events": events, "microseconds": found, "reading_ms": reading}
    FOUND.write_text(json.dumps(result, indent=1), encoding="utf-8")


class Toy:
    """Columns of events; all random numbers of one seed."""

    def __init__(self, events: int):
        rng = np.random.default_rng(7)
        self.events = events
        self.identity = seeds.Identity(np.full(events, 280385), np.arange(events) // 100, np.arange(events))
        self.muon_event, self.jet_event, generated = (
            np.repeat(np.arange(events), number) for number in (MUONS, JETS, GENERATED)
        )
        n, m, g = MUONS * events, JETS * events, GENERATED * events
        self.muons = rochester.Muons(
            rng.uniform(26, 150, n), rng.uniform(-2.4, 2.4, n), rng.uniform(-3.1, 3.1, n), rng.choice([-1, 1], n)
        )
        self.gen_pt, self.layers = self.muons.pt * rng.normal(1, 0.02, n), rng.integers(6, 18, n)
        self.uniform = seeds.uniform("muon", self.identity.at(self.muon_event), np.tile(np.arange(MUONS), events))
        self.jets = Jets(
            self.jet_event,
            rng.uniform(20, 300, m),
            rng.uniform(-2.4, 2.4, m),
            rng.uniform(-3.1, 3.1, m),
            np.full(m, 8.0),
            np.full(m, 0.5),
            np.full(m, 20.0),
        )
        near = (np.arange(g) // GENERATED) * JETS + np.arange(g) % GENERATED
        self.generated = GeneratedJets(
            generated, self.jets.pt[near] * 1.05, self.jets.eta[near] + 0.02, self.jets.phi[near]
        )
        self.normal = seeds.normal("jer", self.identity.at(self.jet_event), np.tile(np.arange(JETS), events))
        self.met = MissingMomentum(rng.exponential(40, events), rng.uniform(-3.1, 3.1, events))
        self.vertices, self.interactions = rng.integers(5, 50, events), rng.uniform(5, 60, events)
        self.flavour, self.tagger = rng.choice([0, 4, 5], m), rng.uniform(0, 1, m)


def prepared(folder: Path, toy: Toy) -> tuple[dict[str, float], list[Case]]:
    """What reading the files costs (ms), and the cases."""
    pog = folder / "correctionlib/2016postVFP_UL"
    reading, read = {}, {}
    for name in ("jet_jerc", "muon_Z", "puWeights", "btagging", "met"):
        start = time.process_time()
        read[name] = CorrectionFile.read(pog / f"{name}.json.gz")
        reading[f"{name}.json.gz"] = (time.process_time() - start) * 1e3
    start = time.process_time()
    tables = rochester.Rochester(rochester.read(folder / "rochester/RoccoR2016bUL.txt"))
    reading["RoccoR2016bUL.txt"] = (time.process_time() - start) * 1e3
    cases = [*muons(toy, tables), *jets(toy, JetEnergy(read["jet_jerc"], MC, RESOLUTION)), *met(toy, read["met"])]
    return reading, [*cases, *weights(toy, read), *selections(toy)]


def muons(toy: Toy, tables: rochester.Rochester) -> list[Case]:
    m, gen, layers, u = toy.muons, toy.gen_pt, toy.layers, toy.uniform
    few = np.where(np.arange(len(gen)) % 20, gen, np.nan)  # one muon in twenty has no generated one
    return [
        ("seeded uniform numbers, one a muon", lambda: seeds.uniform("x", toy.identity.at(toy.muon_event), 0)),
        ("seeded normal numbers, one a muon", lambda: seeds.normal("x", toy.identity.at(toy.muon_event), 0)),
        ("Rochester, data", lambda: tables.data(m)),
        ("Rochester, data, with errors (105 members)", lambda: tables.data(m, errors=True)),
        ("Rochester, simulation, 5 % unmatched", lambda: tables.simulation(m, few, layers, u)),
        (
            "Rochester, simulation, 5 % unmatched, with errors",
            lambda: tables.simulation(m, few, layers, u, errors=True),
        ),
        ("Rochester, simulation, all unmatched", lambda: tables.unmatched(m, layers, u)),
    ]


def jets(toy: Toy, energy: JetEnergy) -> list[Case]:
    return [
        ("jet energy scale, L1 to residual", lambda: energy.scale(toy.jets)),
        ("jet energy uncertainty, one source", lambda: energy.uncertainty(toy.jets, "Total")),
        ("jet resolution, hybrid", lambda: energy.smear(toy.jets, toy.generated, toy.events, toy.normal)),
    ]


def met(toy: Toy, file: CorrectionFile) -> list[Case]:
    change = Change(toy.jet_event, toy.jets.pt, toy.jets.pt * 1.01, toy.jets.phi)
    modulation = Modulation(file, "2016postVFP", data=False)
    return [
        ("missing momentum from changed jets", lambda: propagate(toy.met, [change])),
        ("missing momentum, modulation in φ", lambda: modulation.correct(toy.met, toy.vertices, toy.identity)),
    ]


def weights(toy: Toy, read: dict[str, CorrectionFile]) -> list[Case]:
    pileup = read["puWeights"].correction("Collisions16_UltraLegacy_goldenJSON", "clamp")
    tight = read["muon_Z"].correction("NUM_TightID_DEN_TrackerMuons", "clamp", "absolute")
    heavy, light, shape = (
        read["btagging"].correction(f"deepJet_{name}", "clamp", "absolute") for name in ("comb", "incl", "shape")
    )
    values = {"eta": toy.muons.eta, "pt": toy.muons.pt}
    taggable = btag.TaggableJets(toy.jet_event, toy.jets.pt, toy.jets.eta, toy.flavour)
    tagged, efficiency = toy.tagger > 0.25, np.full(len(toy.tagger), 0.5)
    container = Weights(toy.events)
    for name in ("a", "b", "c", "d", "e"):
        ones = np.ones(toy.events)
        container.add(name, ones, {name: (ones, ones)})

    def muon_factor() -> object:
        each = factors.from_file(tight, values, factors.muon_keys("muon_id"))
        return factors.product(each, toy.muon_event, toy.events)

    return [
        ("pileup weight, up and down", lambda: factors.pileup(pileup, toy.interactions)),
        ("muon scale factor, up and down", muon_factor),
        (
            "b tagging, working point, two sources",
            lambda: btag.working_point(heavy, light, "M", taggable, tagged, efficiency, toy.events),
        ),
        (
            "b tagging, shape, one source",
            lambda: btag.shape(shape, taggable, toy.tagger, toy.events, {"hf": "hf"}),
        ),
        ("product of five factors", container.nominal),
        (
            "the same, five sources up and down",
            lambda: [container.varied(s, d) for s in "abcde" for d in ("up", "down")],
        ),
    ]


def selections(toy: Toy) -> list[Case]:
    m = toy.muons
    leptons = Leptons(
        toy.muon_event, m.pt, m.eta, m.phi, np.full(len(m.pt), 0.10566), m.charge, np.full(len(m.pt), MUON)
    )
    one = cuts.Directions(toy.jet_event, toy.jets.eta, toy.jets.phi)
    other = cuts.Directions(toy.muon_event, m.eta, m.phi)
    mask = toy.interactions > 20

    def packed() -> object:
        made = cuts.Cuts(toy.events)
        for i in range(10):
            made.add(str(i), mask)
        return made.cutflow()

    return [
        ("jets cleaned of muons", lambda: cuts.apart(one, other, 0.4, toy.events)),
        ("pairs, the one nearest the Z", lambda: cuts.chosen(cuts.pairs(leptons, toy.events), leptons, "nearest_z")),
        ("ten cuts packed, with cutflow", packed),
    ]


def microseconds(case: Callable[[], object], events: int) -> float:
    costs = []
    for _ in range(3):
        start = time.process_time()
        case()
        costs.append(time.process_time() - start)
    return min(costs) / events * 1e6


if __name__ == "__main__":
    main()
