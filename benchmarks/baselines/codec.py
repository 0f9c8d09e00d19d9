"""What the decompressor alone needs for the baskets that a skim of hww_emu reads: `python codec.py FILE`.

All of each basket is decompressed, one thread, from memory; the time of that alone is printed.
"""

import json
import struct
import sys
import time
import zlib

import cramjam
import uproot

from skimflow.analyses import hww_emu
from skimflow.config import load
from skimflow.config.loading import read_yaml
from skimflow.io.baskets import lzma


def main(path: str) -> dict[str, float]:
    config = load(read_yaml("config/hww_emu.yaml"), ["config/hww_emu.yaml"]).config
    settings = config.model_dump(mode="json")
    wanted = [*hww_emu.branches(settings["selection"]), *config.probe.paths]
    wanted += ["run", "luminosityBlock", "event"]
    blocks = []
    with uproot.open(path) as file:
        tree = file["Events"]
        for branch in map(tree.__getitem__, wanted):
            for number in range(branch.num_baskets):
                content = bytes(branch.basket_chunk_cursor(number)[0].raw_data)
                (key,) = struct.unpack_from(">h", content, 14)
                (unpacked,) = struct.unpack_from(">i", content, 6)
                if len(content) - key != unpacked:
                    blocks.append((content[key : key + 2], content[key + 9 :], unpacked))
    start = time.perf_counter()
    for codec, content, size in blocks:
        DECOMPRESS[codec](content, size)
    return {"seconds": time.perf_counter() - start, "blocks": len(blocks)}


DECOMPRESS = {
    b"XZ": lambda content, size: lzma.decompress(content),
    b"ZL": lambda content, size: zlib.decompress(content, bufsize=size),
    b"ZS": lambda content, size: cramjam.zstd.decompress(content, output_len=size),
    b"L4": lambda content, size: cramjam.lz4.decompress_block(content[8:], output_len=size),
}

if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
