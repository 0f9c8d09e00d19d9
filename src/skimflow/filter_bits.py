"""The meaning of the filter bits of trigger objects: tables of names, which the configuration is checked against too.

The bits of `TrigObj_filterBits` are numbered by NanoAOD, in PhysicsTools/NanoAOD/python/triggerObjects_cff.py of cmssw,
anew in some versions and for the HLT menus of 2016. What the tables below were checked against:

- v5: the branch's own description in public files of 2018; v6 and v7 were not at hand and are taken to be as v5.
- v9: the same in a public file of 2017. The menus of 2016 have their own muon bits (cmssw at 040d3da, whose electron
  and muon bits of 2017 are those of v9).
- v11, v12: the description in a public file of 2022, which is v11 or v12. For 2016, cmssw at 75aaaa0.
- v14, v15: cmssw at b1d4f0f; its pull request 43247 split the electron bit 2e, which moves all later ones by one.
- v5 to v7 of 2016 were not at hand: only the bits that cmssw has had in all its versions for 2016 are offered.
- v8, v10 and v13 were not at hand and are refused.
"""

from skimflow.errors import ConfigError

_ELECTRON = (
    *("CaloIdL_TrackIdL_IsoVL", "WPTight", "WPLoose", "OverlapFilter_PFTau", "2e", "1e-1mu", "1e-1tau", "3e", "2e-1mu"),
    *("1e-2mu", "32_L1DoubleEG_AND_L1SingleEGOr"),
)
_ELECTRON_HIGH = ("CaloIdVT_GsfTrkIdT", "PFJet", "Photon175_OR_Photon200")
_ELECTRON_TWO_LEGS = (*_ELECTRON[:4], "2e_leg1", "2e_leg2", *_ELECTRON[5:], *_ELECTRON_HIGH)
_MUON = ("TrkIsoVVL", "Iso", "OverlapFilter_PFTau", "1mu", "2mu", "1mu-1e", "1mu-1tau", "3mu", "2mu-1e", "1mu-2e")
_MUON_HIGH = ("Mu50", "Mu100")
_MUON_2016 = ("TrkIsoVVL", "Iso", "OverlapFilter_PFTau", "IsoTkMu")


def _numbered(names: tuple[str, ...]) -> dict[str, int]:
    return {name: 1 << place for place, name in enumerate(names)}


_LATER = {"electron": _numbered(_ELECTRON + _ELECTRON_HIGH), "muon": _numbered((*_MUON, *_MUON_HIGH))}
_SPLIT = {"electron": _numbered(_ELECTRON_TWO_LEGS), "muon": _LATER["muon"]}
_FIRST = {"electron": _numbered(_ELECTRON), "muon": _numbered(_MUON)}
_TABLES = {
    **dict.fromkeys(("v5", "v6", "v7"), _FIRST),
    **dict.fromkeys(("v9", "v11", "v12"), _LATER),
    **dict.fromkeys(("v14", "v15"), _SPLIT),
}
_MUON_2016_BITS = {**_numbered(_MUON_2016), "Mu50": 1 << 10}


def filter_bits(flavour: str, nanoaod: str, year: int) -> dict[str, int]:
    """Value of each named filter bit.

    Args:
        flavour: `electron` or `muon`.
        nanoaod: version of the files, such as v9.
        year: of the HLT menu, which is that of data taking, or the one that simulation is made for.

    Raises:
        ConfigError: the bits of this version are not known.
    """
    if nanoaod not in _TABLES:
        raise ConfigError(f"the trigger filter bits of NanoAOD {nanoaod} are not known (known: {', '.join(_TABLES)})")
    first = _TABLES[nanoaod] is _FIRST
    if year == 2016 and flavour == "muon":
        return _numbered(_MUON_2016) if first else _MUON_2016_BITS
    if year == 2016 and first:
        return _numbered(_ELECTRON[:4])
    return _TABLES[nanoaod][flavour]


def bit_of(name: str, flavour: str, nanoaod: str, year: int) -> int:
    """Value of a filter bit.

    Raises:
        ConfigError: there is no bit of this name.
    """
    known = filter_bits(flavour, nanoaod, year)
    if name not in known:
        raise ConfigError(f"no {flavour} filter bit {name} in NanoAOD {nanoaod} of {year} (known: {', '.join(known)})")
    return known[name]
