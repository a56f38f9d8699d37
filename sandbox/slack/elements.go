package slack

// element checks a button, an image or a text input; other interactive elements only need a type.
// https://docs.slack.dev/reference/block-kit/block-elements
func (b *blockCheck) element(value any, at string) {
	element, _ := value.(map[string]any)
	kind, _ := element["type"].(string)
	text := func(name string) string { s, _ := element[name].(string); return s }
	b.length(text("action_id"), at+"/action_id", maxID)
	// An action must say which element it came from.
	if id := text("action_id"); id != "" {
		if b.actions[id] {
			b.fail(at+"/action_id", "`action_id` already exists: %s", id)
		}
		b.actions[id] = true
	}
	switch kind {
	case "":
		b.fail(at, "missing required field: type")
	case "button":
		b.button(element, at)
	case "plain_text_input":
		if element["placeholder"] != nil {
			b.textObject(element["placeholder"], at+"/placeholder", 150, "plain_text")
		}
		if most, ok := element["max_length"].(float64); ok && (most < 1 || most > maxInputText) {
			b.fail(at+"/max_length", "must be between 1 and %d", maxInputText)
		}
	case "image":
		if text("image_url") == "" && element["slack_file"] == nil {
			b.fail(at, "missing required field: image_url")
		}
		if text("alt_text") == "" {
			b.fail(at, "missing required field: alt_text")
		}
		b.length(text("alt_text"), at+"/alt_text", maxAltText)
	}
}

func (b *blockCheck) button(element map[string]any, at string) {
	text := func(name string) string { s, _ := element[name].(string); return s }
	b.textObject(element["text"], at+"/text", maxButton, "plain_text")
	b.length(text("value"), at+"/value", maxButtonValue)
	b.length(text("url"), at+"/url", maxButtonURL)
	if _, isText := element["value"].(string); element["value"] != nil && !isText {
		b.fail(at+"/value", "must be a string")
	}
	if style := element["style"]; style != nil && style != "primary" && style != "danger" {
		b.fail(at+"/style", "must be one of: primary, danger")
	}
	// https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object
	if confirm, ok := element["confirm"].(map[string]any); ok {
		b.textObject(confirm["title"], at+"/confirm/title", maxConfirmTitle, "plain_text")
		b.textObject(confirm["text"], at+"/confirm/text", maxConfirmText, "")
		b.textObject(confirm["confirm"], at+"/confirm/confirm", maxConfirmLabel, "plain_text")
		b.textObject(confirm["deny"], at+"/confirm/deny", maxConfirmLabel, "plain_text")
	}
}
