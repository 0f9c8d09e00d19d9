// The same selection with RDataFrame, compiled: rdataframe FILE RUN FIRST LAST THREADS
#include <ROOT/RDataFrame.hxx>
#include <ROOT/RVec.hxx>
#include <TROOT.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

using ROOT::RVec;
using F = const RVec<float> &;
using I = const RVec<int> &;
using B = const RVec<bool> &;

// Selected or not: exactly one tight electron and one tight muon, no other tight lepton, and the cuts.
bool chosen_by(F ept, F eeta, F ephi, F emass, I echarge, B eid, F mpt, F meta, F mphi, F mmass, I mcharge, B mid, F miso,
            float met, float phi) {
    int e = -1, m = -1, tight = 0;
    for (size_t i = 0; i < ept.size(); ++i)
        if (eid[i]) { e = i; ++tight; }
    for (size_t i = 0; i < mpt.size(); ++i)
        if (mid[i] && miso[i] < 0.15) { m = i; ++tight; }
    if (tight != 2 || e < 0 || m < 0 || echarge[e] * mcharge[m] >= 0) return false;
    double sub = std::min(ept[e], mpt[m]), subphi = ept[e] >= mpt[m] ? mphi[m] : ephi[e];
    if (std::max(ept[e], mpt[m]) <= 25 || sub <= 15 || std::abs(eeta[e]) >= 2.5 || std::abs(meta[m]) >= 2.4)
        return false;
    auto energy = [](double pt, double eta, double mass) { return std::hypot(pt * std::cosh(eta), mass); };
    double px = ept[e] * std::cos((double)ephi[e]) + mpt[m] * std::cos((double)mphi[m]);
    double py = ept[e] * std::sin((double)ephi[e]) + mpt[m] * std::sin((double)mphi[m]);
    double pz = ept[e] * std::sinh((double)eeta[e]) + mpt[m] * std::sinh((double)meta[m]);
    double sum = energy(ept[e], eeta[e], emass[e]) + energy(mpt[m], meta[m], mmass[m]);
    double ptll = std::hypot(px, py), mll2 = std::max(0., sum * sum - px * px - py * py - pz * pz);
    double mt2 = mll2 + 2 * met * (std::sqrt(ptll * ptll + mll2) - ptll * std::cos(std::atan2(py, px) - phi));
    double mtl2 = std::sqrt(2 * sub * met * (1 - std::cos(subphi - phi)));
    return std::sqrt(mll2) > 12 && std::sqrt(std::max(0., mt2)) > 60 && mtl2 > 30 && ptll > 30 && met > 20;
}

int main(int, char **argv) {
    const unsigned run = std::atoi(argv[2]), first = std::atoi(argv[3]), last = std::atoi(argv[4]);
    if (std::atoi(argv[5]) > 1) ROOT::EnableImplicitMT(std::atoi(argv[5]));
    ROOT::RDataFrame frame("Events", argv[1]);
    auto certified = [=](unsigned r, unsigned s) { return r == run && s >= first && s <= last; };
    auto chosen = frame.Filter(certified, {"run", "luminosityBlock"})
                      .Filter(chosen_by, {"Electron_pt", "Electron_eta", "Electron_phi", "Electron_mass",
                                       "Electron_charge", "Electron_mvaFall17V2Iso_WP90", "Muon_pt", "Muon_eta",
                                       "Muon_phi", "Muon_mass", "Muon_charge", "Muon_tightId", "Muon_pfRelIso04_all",
                                       "PuppiMET_pt", "PuppiMET_phi"});
    auto selected = chosen.Count();
    auto fired = chosen.Filter([](bool a, bool b) { return a || b; },
                               {"HLT_Mu12_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL_DZ",
                                "HLT_Mu23_TrkIsoVVL_Ele12_CaloIdL_TrackIdL_IsoVL_DZ"})
                     .Count();
    std::printf("{\"selected\": %llu, \"fired\": %llu}\n", *selected, *fired);
}
