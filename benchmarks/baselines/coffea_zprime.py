"""Region CMS_WORKSHOP of `zprime` with coffea's NanoEvents: selection, mass and variations, one chunk after the other.

`python coffea_zprime.py FILE CORRECTIONS CHUNK` prints seconds without imports, and entries by variation of objects;
CORRECTIONS is the folder of their files. Smearing is seeded by the chunk, so its entries differ from those of skimflow.
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
REGION = "CMS_WORKSHOP"
VARIATIONS = ("nominal", "jet_pt_scale_up", "jet_pt_resolution_up")


def main(path: str, corrections: str, chunk: int) -> dict:
    warnings.simplefilter("ignore")
    files = {
        name: correctionlib.CorrectionSet.from_file(str(Path(corrections, f"{name}.json")))
        for name in ("pileup", "muon_id")
    }
    start = time.perf_counter()
    filled = hist.Hist.new.Reg(20, 200, 3000, name="x").StrCat([], name="variation", growth=True).Weight()
    entries = {f"{REGION} {variation}": 0 for variation in VARIATIONS}
    first = 0
    while True:
        events = NanoEventsFactory.from_root(
            {path: "Events"}, schemaclass=NanoAODSchema, mode="virtual", entry_start=first, entry_stop=first + chunk
        ).events()
        read = len(events)
        if not read:
            break
        events = events[events.HLT.TkMu50 & (events.PuppiMET.pt > 50)]
        for variation in VARIATIONS:
            entries[f"{REGION} {variation}"] += fill(events, variation, filled, files, first)
        if read < chunk:
            break
        first += chunk
    return {"work": time.perf_counter() - start, "entries": entries}


def fill(events: ak.Array, variation: str, filled: hist.Hist, files: dict, seed: int) -> int:
    muons, fat_jets, jets = events.Muon, events.FatJet, events.Jet
    muons = muons[(muons.pt > 55) & (abs(muons.eta) < 2.4) & muons.tightId & (muons.miniIsoId > 1)]
    fat_jets = fat_jets[(fat_jets.particleNet_TvsQCD > 0.5) & (fat_jets.pt > 500)]
    factor = 1.0
    if variation == "jet_pt_scale_up":
        factor = 1.05
    elif variation == "jet_pt_resolution_up":
        counts = ak.num(jets)
        factor = ak.unflatten(np.random.default_rng(seed).normal(1, 0.05, int(ak.sum(counts))), counts)
    b_jets = four_vectors(jets, factor)[(jets.jetId >= 4) & (jets.btagDeepB > 0.5)]
    mine = (ak.num(muons) == 1) & (ak.num(fat_jets) == 1) & (ak.num(b_jets) >= 2)
    mine = mine & (ak.fill_none(ak.firsts(ak.values_astype(muons.pt, float)), 0) + events.PuppiMET.pt > 150)
    events, muon = events[mine], four_vectors(muons[mine])[:, 0]
    fat_jet, b_jets = four_vectors(fat_jets[mine])[:, 0], b_jets[mine]
    jet = ak.firsts(b_jets[ak.argmax(b_jets.pt, axis=1, keepdims=True)])
    met = ak.values_astype(events.PuppiMET.pt, float)
    phi = ak.values_astype(events.PuppiMET.phi, float)
    missing = ak.zip(
        {"pt": met, "eta": ak.zeros_like(met), "phi": phi, "mass": ak.zeros_like(met)},
        with_name="PtEtaPhiMLorentzVector",
        behavior=events.behavior,
    )
    values = ak.to_numpy((muon + fat_jet + jet + missing).mass)
    for name, weight in weights(events, muon, files, variation == "nominal").items():
        filled.fill(x=values, variation=variation if name == "nominal" else name, weight=weight)
    return len(values)


def four_vectors(objects: ak.Array, factor: ak.Array | float = 1.0) -> ak.Array:
    """In double precision, with momenta times a factor."""
    pt, eta, phi, mass = (ak.values_astype(objects[name], float) for name in ("pt", "eta", "phi", "mass"))
    content = {"pt": pt * factor, "eta": eta, "phi": phi, "mass": mass}
    return ak.zip(content, with_name="PtEtaPhiMLorentzVector", behavior=objects.behavior)


def weights(events: ak.Array, muon: ak.Array, files: dict, varied: bool) -> dict[str, np.ndarray]:
    vertices, eta, pt = (ak.to_numpy(x) for x in (events.Pileup.nTrueInt, abs(muon.eta), muon.pt))
    pileup, muon_id = files["pileup"]["toy_pileup"], files["muon_id"]["toy_muon_id"]
    of_pileup = {way: pileup.evaluate(vertices, way) for way in ("nominal", "up", "down")}
    of_muon = {
        way: muon_id.evaluate(eta, pt, name)
        for way, name in (("nominal", "nominal"), ("up", "systup"), ("down", "systdown"))
    }
    base = ak.to_numpy(events.genWeight).astype(float)
    found = {"nominal": base * of_pileup["nominal"] * of_muon["nominal"]}
    for way in ("up", "down") if varied else ():
        found[f"pileup_{way}"] = base * of_pileup[way] * of_muon["nominal"]
        found[f"muon_id_{way}"] = base * of_pileup["nominal"] * of_muon[way]
    return found


if __name__ == "__main__":
    found = main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    print(json.dumps({**found, "cpu": time.process_time()}))
