/** A message about something that went wrong, in the page and announced to screen readers. */

export function Notice({ text, onClose }: { text: string; onClose?: () => void }) {
  return (
    <div className="cg-notice" role="alert">
      <span>{text}</span>
      {onClose !== undefined && (
        <button type="button" className="cg-button cg-quiet" onClick={onClose}>
          Dismiss
        </button>
      )}
    </div>
  );
}
