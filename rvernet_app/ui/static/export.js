// A project's labels as a file to keep.

async function exportProject() {
  busy("Writing the export…");
  try {
    const { url, name, photos, foods, left_out: leftOut } = await tell("export_project", { project: project.id, format: find("#rv-export-format").value });
    make("a", { href: served(url), download: name }).click();
    const rest = Object.entries(leftOut).map(([reason, count]) => `${count} ${reason}`).join(", ");
    find("#rv-exported").textContent = `${photos} photos with ${foods} foods.${rest && ` Not in it: ${rest}.`}`;
  } catch (error) {
    complain(error);
  } finally {
    busy(null);
  }
}
