// Elements, and how large a photo is shown.

export function make(tag, properties = {}, children = []) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Give a frame the size at which a photo of [width, height] fits its stage, times a zoom. */
export function fit(stage, frame, [width, height], zoom = 1) {
  const room = [stage.clientWidth || 300, stage.clientHeight || 300];
  if (getComputedStyle(stage).maxHeight !== "none") room[1] = 0.62 * window.innerHeight; // it grows with the photo
  const scale = zoom * Math.min(room[0] / width, room[1] / height, 6);
  frame.style.width = `${Math.max(1, Math.floor(scale * width))}px`;
  frame.style.height = `${Math.max(1, Math.floor(scale * height))}px`;
  frame.classList.toggle("sharp", scale > 3);
  return scale;
}

/** Where a pointer is in a frame, in pixels of the photo. */
export function pointOf(event, frame, [width, height]) {
  const place = frame.getBoundingClientRect();
  return [((event.clientX - place.left) / place.width) * width, ((event.clientY - place.top) / place.height) * height];
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
