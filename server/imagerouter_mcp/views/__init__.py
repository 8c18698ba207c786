"""The picture inside the chat and in the studio page: plain HTML, CSS and JavaScript modules."""
