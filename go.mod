module github.com/amgate/amgate

go 1.26.0
