"""The histograms of `agc_ttbar` with coffea's NanoEvents: the same selection and variations, one chunk after the other.

`python coffea_agc.py FILE CORRECTIONS CHUNK` prints seconds without imports, and entries of both regions by variation
of objects; CORRECTIONS is the folder of their files. Smearing is seeded by the chunk, so its entries differ from those
of skimflow.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import awkward as ak
import correctionlib
import hist
import numpy as np
from coffea.nanoevents import NanoAODSchema, NanoEventsFactory

NanoAODSchema.warn_missing_crossrefs = False
VARIATIONS = ("nominal", "pt_scale_up", "pt_res_up")


def main(path: str, corrections: str, chunk: int) -> dict:
    warnings.simplefilter("ignore")
    file = str(Path(corrections, "event_systematics.json"))
    weights = correctionlib.CorrectionSet.from_file(file)["event_systematics"]
    start = time.perf_counter()
    filled = {
        region: hist.Hist.new.Reg(25, 50, 550, name="x").StrCat([], name="variation", growth=True).Weight()
        for region in ("4j1b", "4j2b")
    }
    entries = {f"{region} {variation}": 0 for region in filled for variation in VARIATIONS}
    first = 0
    while True:
        events = NanoEventsFactory.from_root(
            {path: "Events"}, schemaclass=NanoAODSchema, mode="virtual", entry_start=first, entry_stop=first + chunk
        ).events()
        if not len(events):
            break
        for variation in VARIATIONS:
            for region, number in fill(events, variation, filled, weights, first).items():
                entries[f"{region} {variation}"] += number
        if len(events) < chunk:
            break
        first += chunk
    return {"work": time.perf_counter() - start, "entries": entries}


def fill(events: ak.Array, variation: str, filled: dict, weights, seed: int) -> dict[str, int]:
    electrons, muons, jets = events.Electron, events.Muon, events.Jet
    electrons = electrons[
        (electrons.pt > 30) & (abs(electrons.eta) < 2.1) & (electrons.cutBased == 4) & (electrons.sip3d < 4)
    ]
    muons = muons[
        (muons.pt > 30) & (abs(muons.eta) < 2.1) & muons.tightId & (muons.sip3d < 4) & (muons.pfRelIso04_all < 0.15)
    ]
    one = (ak.num(electrons) + ak.num(muons)) == 1
    jets, events = jets[one], events[one]
    factor = 1.0
    if variation == "pt_scale_up":
        factor = 1.03
    elif variation == "pt_res_up":
        counts = ak.num(jets)
        factor = ak.unflatten(np.random.default_rng(seed).normal(1, 0.05, int(ak.sum(counts))), counts)
    p4 = ak.zip(
        {
            "pt": ak.values_astype(jets.pt, float) * factor,
            "eta": jets.eta,
            "phi": jets.phi,
            "mass": ak.values_astype(jets.mass, float) * factor,
            "btag": jets.btagCSVV2,
            "id": jets.jetId,
        },
        with_name="PtEtaPhiMLorentzVector",
        behavior=events.behavior,
    )
    p4 = p4[(p4.pt > 30) & (abs(p4.eta) < 2.4) & ((p4.id & 4) != 0)]
    four = ak.num(p4) >= 4
    p4, gen = p4[four], ak.to_numpy(events.genWeight[four]).astype(float)
    tags = ak.sum(p4.btag > 0.5, axis=1)
    found = {}
    for region in filled:
        mine = tags == 1 if region == "4j1b" else tags >= 2
        own, weight = p4[mine], gen[ak.to_numpy(mine)]
        values = ak.to_numpy(ak.sum(own.pt, axis=1)) if region == "4j1b" else trijet(own)
        found[region] = len(values)
        filled[region].fill(x=values, variation=variation, weight=weight)
        if variation == "nominal":
            for i in range(4):
                for way in ("up", "down"):
                    ratio = weights.evaluate("btag_var", way, ak.to_numpy(own.pt[:, i]))
                    filled[region].fill(x=values, variation=f"btag_var_{i}_{way}", weight=weight * ratio)
    return found


def trijet(jets: ak.Array) -> np.ndarray:
    three = ak.combinations(jets, 3, fields=["a", "b", "c"])
    total = three.a + three.b + three.c
    tagged = np.maximum(three.a.btag, np.maximum(three.b.btag, three.c.btag)) > 0.5
    total = total[tagged]
    best = ak.argmax(total.pt, axis=1, keepdims=True)
    return ak.to_numpy(ak.flatten(total[best].mass))


if __name__ == "__main__":
    found = main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    print(json.dumps({**found, "cpu": time.process_time()}))
