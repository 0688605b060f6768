// A page of somebody else opens beside this window, where there is room: <a data-beside>. Else it is a link as any other.

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-beside]");
  const room = window.screen.availWidth >= 1200;
  if (!link || !room || event.ctrlKey || event.metaKey || event.shiftKey || !link.protocol.startsWith("http")) return;
  const width = Math.floor(window.screen.availWidth / 2);
  const size = `width=${width},height=${window.screen.availHeight},left=${window.screen.availWidth - width},top=0`;
  event.preventDefault();
  window.open(link.href, "_blank", `noopener,noreferrer,${size}`);
});
