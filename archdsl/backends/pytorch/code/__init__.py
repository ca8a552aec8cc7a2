"""Network -> Python source that reads as if a person had written it: `plan` decides, `write` puts it into words."""
