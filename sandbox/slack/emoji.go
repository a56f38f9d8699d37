package slack

// emojis are the short codes that messages about operations use; another one is shown as its code.
var emojis = map[string]string{
	"white_check_mark": "✅", "heavy_check_mark": "✔️", "ballot_box_with_check": "☑️", "x": "❌", "negative_squared_cross_mark": "❎",
	"warning": "⚠️", "rotating_light": "🚨", "no_entry": "⛔", "no_entry_sign": "🚫", "octagonal_sign": "🛑", "stop_sign": "🛑",
	"information_source": "ℹ️", "question": "❓", "grey_question": "❔", "exclamation": "❗", "heavy_exclamation_mark": "❗", "bangbang": "‼️",
	"hourglass": "⌛", "hourglass_flowing_sand": "⏳", "stopwatch": "⏱️", "alarm_clock": "⏰", "timer_clock": "⏲️", "clock1": "🕐", "calendar": "📆", "date": "📅",
	"rocket": "🚀", "tada": "🎉", "sparkles": "✨", "fire": "🔥", "boom": "💥", "zap": "⚡", "bulb": "💡", "bell": "🔔", "no_bell": "🔕", "mega": "📣", "loudspeaker": "📢",
	"broom": "🧹", "wastebasket": "🗑️", "package": "📦", "card_index_dividers": "🗂️", "card_file_box": "🗃️", "file_folder": "📁", "floppy_disk": "💾", "scissors": "✂️", "pushpin": "📌", "paperclip": "📎", "label": "🏷️",
	"wrench": "🔧", "hammer": "🔨", "hammer_and_wrench": "🛠️", "gear": "⚙️", "building_construction": "🏗️", "construction": "🚧", "test_tube": "🧪", "mag": "🔍", "mag_right": "🔎", "lock": "🔒", "unlock": "🔓", "key": "🔑", "shield": "🛡️", "link": "🔗",
	"memo": "📝", "pencil": "📝", "clipboard": "📋", "bar_chart": "📊", "chart_with_upwards_trend": "📈", "chart_with_downwards_trend": "📉", "scroll": "📜", "page_facing_up": "📄", "receipt": "🧾", "moneybag": "💰",
	"arrow_up": "⬆️", "arrow_down": "⬇️", "arrow_right": "➡️", "arrow_left": "⬅️", "arrow_forward": "▶️", "arrows_counterclockwise": "🔄", "repeat": "🔁", "leftwards_arrow_with_hook": "↩️", "rewind": "⏪", "fast_forward": "⏩", "double_vertical_bar": "⏸️", "pause_button": "⏸️", "black_square_for_stop": "⏹️",
	"heavy_plus_sign": "➕", "heavy_minus_sign": "➖", "white_small_square": "▫️", "small_blue_diamond": "🔹", "small_orange_diamond": "🔸", "large_green_circle": "🟢", "large_yellow_circle": "🟡", "large_orange_circle": "🟠", "red_circle": "🔴", "large_blue_circle": "🔵", "white_circle": "⚪", "black_circle": "⚫",
	"+1": "👍", "thumbsup": "👍", "-1": "👎", "thumbsdown": "👎", "eyes": "👀", "wave": "👋", "raised_hand": "✋", "hand": "✋", "pray": "🙏", "clap": "👏", "muscle": "💪", "point_right": "👉", "bust_in_silhouette": "👤", "busts_in_silhouette": "👥",
	"robot_face": "🤖", "skull": "💀", "ghost": "👻", "smile": "😄", "slightly_smiling_face": "🙂", "thinking_face": "🤔", "cry": "😢", "sweat_smile": "😅", "zzz": "💤", "coffee": "☕", "seedling": "🌱", "snowflake": "❄️", "cloud": "☁️", "whale": "🐳", "ship": "🚢", "turtle": "🐢", "recycle": "♻️", "checkered_flag": "🏁", "dart": "🎯", "ok": "🆗", "new": "🆕", "ambulance": "🚑", "fire_engine": "🚒", "mop": "🧹", "bread": "🍞", "cook": "🧑‍🍳",
}
