package restore

import (
	"errors"
	"os"

	"pyfreeze/image"
)

// Fits says why the image at path cannot be thawed here and now; nil if it can. Errors: *UnfitError and those of [image.Open].
func Fits(path string) error {
	im, err := image.Open(path)
	if im != nil {
		defer im.Close()
	}
	if err != nil {
		return err
	}
	g, err := parseGuards(im.Guards())
	if err != nil {
		return err
	}
	if err := trusted(im); err != nil {
		return err
	}
	return g.check(os.Environ())
}

// Unfit says whether err tells that an image can be of no use any more, here and now, so that a new one should be made.
func Unfit(err error) bool {
	var unfit *UnfitError
	var cut *image.TruncatedError
	var format *image.FormatError
	var version *image.VersionError
	return errors.As(err, &unfit) || errors.As(err, &cut) || errors.As(err, &format) || errors.As(err, &version) ||
		errors.Is(err, os.ErrNotExist) || errors.Is(err, errGuards)
}

// Plain becomes the program at path as if pyfreeze had not been there. A reason, if there is one, goes to the log at logPath, or to
// that of PYFREEZE_LOG, as for [Run]; image is the one that did not serve. It returns only with an error.
func Plain(path string, argv []string, image, logPath, reason string) error {
	if reason != "" {
		if e := os.Getenv("PYFREEZE_LOG"); e != "" {
			logPath = e
		}
		writeLog(openLog(logPath), image, reason)
	}
	return command{path: path, argv: argv, env: os.Environ()}.exec()
}
