/**
 * Unpack the view's script and run it; document.py puts it here, packed.
 */

const packed = Uint8Array.from(atob("PACKED"), (character) => character.charCodeAt(0));
const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
const script = document.createElement("script");
script.type = "module";
script.textContent = await new Response(unpacked).text();
document.head.append(script);
