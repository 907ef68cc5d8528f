"use strict";
function save(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
for (const button of document.querySelectorAll("button[data-save]")) {
  button.onclick = () => save(button.dataset.save, button.nextElementSibling.textContent, "text/plain;charset=utf-8");
}
for (const button of document.querySelectorAll("button[data-svg]")) {
  button.onclick = () => {
    const svg = button.closest("figure").querySelector("svg");
    save(button.dataset.svg, new XMLSerializer().serializeToString(svg), "image/svg+xml");
  };
}
for (const volume of document.querySelectorAll("figure.volume")) {
  const [slider, choice] = [volume.querySelector("input"), volume.querySelector("select")];
  const pictures = volume.querySelectorAll("img");
  const show = () => {
    for (const picture of pictures) picture.style.top = `${-slider.value * volume.dataset.height}px`;
  };
  slider.oninput = show;
  choice.onchange = () => {
    volume.querySelectorAll(".layer").forEach((layer, place) => { layer.hidden = place !== choice.selectedIndex; });
  };
  volume.querySelector(".slice").addEventListener("wheel", (event) => {
    event.preventDefault();
    slider.value = Number(slider.value) + Math.sign(event.deltaY);
    show();
  }, { passive: false });
  show();
}
