/** The smallest image that iipsrv serves. */

/** Tag, type (3: 16 bits, 4: 32 bits), value. */
type Field = readonly [tag: number, type: 3 | 4, value: number];

const size = 256;

/** A grey TIFF of one tile, uncompressed (TIFF 6.0, sections 2 and 15). */
export function tiledTiff(): Buffer {
  const fields: readonly Field[] = [
    [256, 4, size], // ImageWidth
    [257, 4, size], // ImageLength
    [258, 3, 8], // BitsPerSample
    [259, 3, 1], // Compression: none
    [262, 3, 1], // PhotometricInterpretation: black is zero
    [277, 3, 1], // SamplesPerPixel
    [284, 3, 1], // PlanarConfiguration
    [322, 4, size], // TileWidth
    [323, 4, size], // TileLength
    [324, 4, 0], // TileOffsets, below
    [325, 4, size * size], // TileByteCounts
  ];
  const head = Buffer.alloc(8 + 2 + fields.length * 12 + 4);
  head.write("II*\0", "latin1");
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(fields.length, 8);
  for (const [index, [tag, type, value]] of fields.entries()) {
    const at = 10 + index * 12;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(type, at + 2);
    head.writeUInt32LE(1, at + 4);
    head.writeUInt32LE(tag === 324 ? head.length : value, at + 8);
  }
  return Buffer.concat([head, Buffer.alloc(size * size, 128)]);
}
