// Opening photos and switching between them.

async function openFiles(files) {
  const chosen = [...files].filter(Boolean);
  if (project) return addFiles(chosen);
  for (const [index, file] of chosen.entries()) {
    await openPhoto(() => uploaded(file), index === 0);
  }
}

async function uploaded(file) {
  const megabytes = file.size / 1e6;
  if (megabytes > props.max_photo_mb) throw new Error(`This file has ${megabytes.toFixed(1)} MB, over the limit of ${props.max_photo_mb} MB; save the photo smaller or at a lower quality and open that.`);
  return { path: (await upload(file)).path, name: file.name || "pasted photo" };
}

const openSample = (name) => openPhoto(async () => ({ sample: name }), true);

async function openPhoto(source, showIt) {
  const seq = showIt ? ++openSeq : openSeq;
  busy("Opening the photo…");
  try {
    const photo = await ask("open_photo", await source());
    const known = photos.get(photo.id);
    if (!known) {
      const image = new Image();
      image.src = served(photo.url);
      await image.decode();
      photos.set(photo.id, { ...photo, image, work: emptyWork(), encoded: false });
    }
    if (showIt && seq === openSeq) show(photos.get(photo.id));
    else drawStrip();
  } catch (error) {
    complain(error);
  } finally {
    busy(null);
  }
}

function show(photo) {
  if (current === photo) return;
  leaveFields();
  openSeq++;
  current = photo;
  draftBox = crosshair = null;
  startNext = false;
  root.dataset.state = "photo";
  root.dataset.photo = photo.id;
  root.dataset.item = photo.item ?? "";
  corners = [];
  find("#rv-photo-name").textContent = photo.name;
  find("#rv-photo-size").textContent = photo.item ? `photo ${photo.position + 1} of ${total(project.progress) + project.progress.full}` : `${photo.width} × ${photo.height}`;
  view.show(photo, photo.image);
  drawStrip();
  changed();
  prepare(photo);
}

async function prepare(photo) {
  if (photo.encoded) return;
  status("Preparing the photo…");
  try {
    await ask("prepare", { photo: photo.id });
    photo.encoded = true;
    if (photo === current) status("Ready: click a food");
  } catch (error) {
    complain(error);
  }
}
