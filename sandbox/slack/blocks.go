package slack

import (
	"fmt"
	"unicode/utf8"
)

// Block Kit's limits: https://docs.slack.dev/reference/block-kit/blocks
const (
	maxBlocks       = 50
	maxViewBlocks   = 100
	maxSection      = 3000
	maxField        = 2000
	maxFields       = 10
	maxHeader       = 150
	maxContext      = 10
	maxActions      = 25
	maxButton       = 75
	maxButtonValue  = 2000
	maxButtonURL    = 3000
	maxID           = 255
	maxMarkdown     = 12000
	maxAltText      = 2000
	maxConfirmTitle = 100
	maxConfirmText  = 300
	maxConfirmLabel = 30
	maxInputLabel   = 2000
	maxInputText    = 3000
	maxContextText  = 3000
	maxAllBlockText = 10000
)

// A blockCheck gathers what is wrong with a message's or a view's blocks, in Slack's words.
type blockCheck struct {
	problems []string
	text     int             // characters of text in all blocks
	actions  map[string]bool // action_ids
	inputs   int
}

func (b *blockCheck) fail(at, format string, v ...any) {
	b.problems = append(b.problems, fmt.Sprintf(format, v...)+" [json-pointer:"+at+"]")
}

func checkBlocks(blocks []map[string]any) error {
	b := gather(blocks, maxBlocks)
	if b.inputs > 0 {
		b.fail("/blocks", "unsupported type: input") // Slack takes them; this stand-in has no use for them
	}
	if len(b.problems) > 0 {
		return refuse("invalid_blocks", b.problems...)
	}
	// No page states the limit for all blocks together; people saw 9,597 characters pass and 11,341 refused:
	// https://github.com/slackapi/bolt-js/issues/2867
	if b.text > maxAllBlockText {
		return refuse("msg_blocks_too_long")
	}
	return nil
}

func gather(blocks []map[string]any, most int) *blockCheck {
	b := &blockCheck{actions: map[string]bool{}}
	if len(blocks) > most {
		b.fail("/blocks", "no more than %d items allowed", most)
	}
	ids := map[string]bool{}
	for i, block := range blocks {
		at := fmt.Sprintf("/blocks/%d", i)
		b.block(block, at)
		if id, _ := block["block_id"].(string); id != "" {
			b.length(id, at+"/block_id", maxID)
			if ids[id] {
				b.fail(at+"/block_id", "`block_id` already exists: %s", id)
			}
			ids[id] = true
		}
	}
	return b
}

func (b *blockCheck) block(block map[string]any, at string) {
	switch kind, _ := block["type"].(string); kind {
	case "section":
		b.section(block, at)
	case "header":
		b.textObject(block["text"], at+"/text", maxHeader, "plain_text")
	case "context":
		for i, element := range b.elements(block, at, maxContext) {
			at := fmt.Sprintf("%s/elements/%d", at, i)
			if object, _ := element.(map[string]any); object["type"] == "image" {
				b.element(element, at)
			} else {
				b.textObject(element, at, maxContextText, "")
			}
		}
	case "actions":
		for i, element := range b.elements(block, at, maxActions) {
			b.element(element, fmt.Sprintf("%s/elements/%d", at, i))
		}
	case "markdown":
		text, _ := block["text"].(string)
		b.length(text, at+"/text", maxMarkdown)
		b.text += utf8.RuneCountInString(text)
	case "image":
		b.element(block, at)
	case "input":
		b.inputs++
		b.textObject(block["label"], at+"/label", maxInputLabel, "plain_text")
		b.element(block["element"], at+"/element")
	case "divider", "rich_text", "table":
	default:
		b.fail(at+"/type", "unsupported type: %s", kind)
	}
}

func (b *blockCheck) section(block map[string]any, at string) {
	fields, _ := block["fields"].([]any)
	if block["text"] == nil && len(fields) == 0 {
		b.fail(at, "must provide either text or fields")
	}
	if block["text"] != nil {
		b.textObject(block["text"], at+"/text", maxSection, "")
	}
	if len(fields) > maxFields {
		b.fail(at+"/fields", "no more than %d items allowed", maxFields)
	}
	for i, field := range fields {
		b.textObject(field, fmt.Sprintf("%s/fields/%d", at, i), maxField, "")
	}
	if block["accessory"] != nil {
		b.element(block["accessory"], at+"/accessory")
	}
}

func (b *blockCheck) elements(block map[string]any, at string, most int) []any {
	elements, _ := block["elements"].([]any)
	if len(elements) == 0 {
		b.fail(at+"/elements", "no fewer than 1 items allowed")
	}
	if len(elements) > most {
		b.fail(at+"/elements", "no more than %d items allowed", most)
	}
	return elements
}

// textObject checks one {type, text}; only, when not empty, is the one type allowed there.
func (b *blockCheck) textObject(value any, at string, most int, only string) {
	object, _ := value.(map[string]any)
	kind, _ := object["type"].(string)
	text, _ := object["text"].(string)
	switch {
	case object == nil:
		b.fail(at, "missing required field: text")
		return
	case only != "" && kind != only, kind != "plain_text" && kind != "mrkdwn":
		b.fail(at+"/type", "unsupported type: %s", kind)
	}
	if text == "" {
		b.fail(at+"/text", "must be more than 0 characters")
	}
	b.length(text, at+"/text", most)
	b.text += utf8.RuneCountInString(text)
}

func (b *blockCheck) length(text, at string, most int) {
	if utf8.RuneCountInString(text) > most {
		b.fail(at, "must be less than %d characters", most+1)
	}
}
