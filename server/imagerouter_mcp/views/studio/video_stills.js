/** Still frames of videos, which the browser draws from the videos themselves. */

import { el } from "../dom.js";
import { THUMBNAIL } from "./gallery_thumbnails.js";

/** Milliseconds that a video may take to show a frame. */
const PATIENCE = 10_000;

/**
 * Return the first frame of a video as a small JPEG; empty if this browser cannot play it.
 * @param {Blob} video
 * @returns {Promise<Blob>}
 */
export async function stillOf(video) {
  const url = URL.createObjectURL(video);
  const player = el("video", { muted: true, playsInline: true, preload: "auto", src: url });
  try {
    return (await hasFrame(player)) ? await drawn(player) : new Blob();
  } finally {
    player.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}

function hasFrame(player) {
  return new Promise((resolve) => {
    player.onloadeddata = () => resolve(true);
    player.onerror = () => resolve(false);
    setTimeout(resolve, PATIENCE);
  });
}

function drawn(player) {
  const { videoWidth, videoHeight } = player;
  const scale = Math.min(1, THUMBNAIL / Math.max(videoWidth, videoHeight));
  const canvas = el("canvas", { width: Math.round(videoWidth * scale), height: Math.round(videoHeight * scale) });
  canvas.getContext("2d").drawImage(player, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob((still) => resolve(still ?? new Blob()), "image/jpeg", 0.8));
}
