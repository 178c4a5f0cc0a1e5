// Tells photos of a person from the copies that other programs keep beside them. The same rule as
// rvernet_app/stray.py, which says more; one table tests both.

const FOLDERS = new Set([
  ...["__macosx", "lost+found", "lost.dir", "$recycle.bin", "recycler", "system volume information"],
  ...["@eadir", "@recycle", "@recently-snapshot", "@__thumb", "@tmp", "@sharebin"],
  ...["#recycle", "#snapshot", "__pycache__"],
]);
const FILES = new Set(["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"]);
const END = /(\.partial|\.part|\.crdownload|\.download|\.filepart|\.tmp|~|@synoeastream)$/;

const isStrayFolder = (name) => FOLDERS.has(name) || (name.startsWith(".") && name !== "..");

// `path` is relative to the chosen folder, which itself may be hidden.
export function isStray(path) {
  const parts = path.replaceAll("\\", "/").toLowerCase().split("/");
  const folders = parts.filter((part) => part !== "" && part !== ".");
  const name = folders.pop() ?? "";
  if (name.startsWith(".") || name.startsWith("~$") || END.test(name) || FILES.has(name)) return true;
  return name.includes(".partial") || FOLDERS.has(name) || folders.some(isStrayFolder);
}
